/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Moves n descriptors to the numbers from INHERIT_FIRST (ipc/inherit.h) on, by way of numbers above all of them so that
 * none is overwritten before it has moved, and program to such a number; NULL: there is none. -1: the number stays
 * free. All others are closed first: the master may have as many as there can be. 0 or -errno; a descriptor that has
 * not moved by then has still the number in fds.
 */
int descriptors_arrange(int *fds, int n, int *program);
