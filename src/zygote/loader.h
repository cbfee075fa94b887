/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The loader: this program, with all libraries of PHP loaded and PHP not started, of which the master has zygotes of
 * several pools forked (pool/loader.c). They share the pages that the linker has written to, some 2 MiB, and need not
 * load anything. It runs as the master does, and no PHP ever; it reads nothing but what the master sends.
 */

#include "child/order.h"

/* Serves orders, the first one in its title's place. Returns in each zygote that is to be, a child of the master, with
 * the descriptors of ipc/inherit.h arranged, and in no other process. */
void loader_run(struct order *ret);
