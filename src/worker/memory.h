/* SPDX-License-Identifier: MIT */
#pragma once
/* pm.max_memory: how much memory this process holds (its resident set, shared pages included), looked at between two
 * requests. */

#include <stdbool.h>
#include <stdint.h>

struct memory {
        int statm; /* /proc/self/statm, open: a chroot may have no /proc. -1: no limit, or nowhere to look */
        uint64_t max;
};

/* max: bytes; 0: no limit. In the zygote, before it enters a chroot: /proc, for its workers. */
void memory_prepare(uint64_t max);

/* In the worker itself, before it runs PHP code, which must not find that /proc. That there is none is logged. */
void memory_init(struct memory *m, uint64_t max);

/* True when it holds more than the limit, which is logged. One system call; none without a limit. */
bool memory_is_over(const struct memory *m);
