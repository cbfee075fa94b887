/* SPDX-License-Identifier: MIT */
#pragma once
/* security.seccomp: which system calls PHP, and what it starts, cannot make any more. */

#include "conf/model.h"

/* For good, in this process and all that come of it. landlock_abi: of the kernel, where the pool has security.landlock:
 * one that does not hold truncate(2) has that call denied. 0, or -errno with a log entry. */
int syscalls_restrict(const struct conf_pool *pool, int landlock_abi);
