/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the calling thread may beyond its user: capabilities(7). capability is a CAP_ number of linux/capability.h. Each
 * that returns an int returns 0 or -errno; -EPERM: the process does not have it.
 */

#include <stdbool.h>

/* Everything but this one is given up; this one is in effect, and no exec keeps it. Also after setresuid(2) under
 * PR_SET_KEEPCAPS. */
int capability_keep(int capability);

/* The same, and the next exec keeps it, as long as the user is not root. */
int capability_pass(int capability);

/* The next exec keeps everything that the process has, as long as the user is not root. */
int capability_pass_all(void);

/* Permitted: in effect, or could be. */
bool capability_has(int capability);

int capability_drop_all(void);
