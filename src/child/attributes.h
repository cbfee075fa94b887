/* SPDX-License-Identifier: MIT */
#pragma once
/* Limits and priority of the calling process. pool: for the log; NULL: the master itself. */

#include <stdint.h>

#include "conf/model.h"

/* The nice value that a pool's processes get: the pool's own, else the master's; CONF_INT_UNSET: neither. Pure. */
int attributes_priority(const struct conf_global *global, const struct conf_pool *pool);

/* rlimit_files, or at least so many: told when that is more. 0: it is not set. */
unsigned attributes_files(const char *pool, unsigned files, unsigned least);

/* Raises the soft limit of descriptors to that where it is lower: told when the hard limit is lower as well. */
void attributes_have_files(const char *pool, unsigned least);

/* rlimit_files and rlimit_core, soft and hard; 0 leaves one as it is. A refusal is logged. */
void attributes_set_limits(const char *pool, unsigned files, int64_t core);

/* CONF_INT_UNSET: nothing is done. A refusal is logged. */
void attributes_set_priority(const char *pool, int priority);
