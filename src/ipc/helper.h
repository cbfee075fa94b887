/* SPDX-License-Identifier: MIT */
#pragma once
/* The start of a program that the master runs beside a pool, and that runs no PHP: the logger, the park. */

#include <stddef.h>

/* All descriptors from INHERIT_FIRST to before end are there, but perhaps those of the two logs, and close-on-exec from
 * now on. 0 or -errno. */
int helper_check_descriptors(int end, int journal, int log);

/* Blocks n signals; what else the master or a terminal may send is ignored. A signalfd(2) for them, or -errno. */
int helper_take_signals(const int *signals, size_t n);

/* What ps(1) shows: "fpmd: ROLE POOL", and "fpmd-ROLE" for short. */
void helper_set_title(const char *role, const char *pool);
