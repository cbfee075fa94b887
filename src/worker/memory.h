/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How much memory this process holds, looked at between two requests: for pm.max_memory its resident set, shared pages
 * included; for pm.max_children = auto its share (PSS), which nobody else may read, and which it tells the master.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "conf/model.h"
#include "scoreboard/layout.h"

struct memory {
        int statm;  /* /proc/self/statm, open: a chroot may have no /proc. -1: no limit, or nowhere to look */
        int rollup; /* /proc/self/smaps_rollup, likewise. -1: nobody wants to know, or nowhere to look */
        uint64_t max;
        uint64_t peak;    /* bytes: what the largest request since the last look had of PHP's memory */
        usec_t next_look; /* at the share: it costs more */
};

struct memory_request {
        uint64_t peak, left;
        usec_t now;
};

/* In the zygote, before it enters a chroot: /proc, for its workers. */
void memory_prepare(const struct conf_pool *pool);

/* In the worker itself, before it runs PHP code, which must not find that /proc. That there is none is logged. */
void memory_init(struct memory *m, const struct conf_pool *pool);

/* True when it holds more than the limit, which is logged. One system call; none without a limit. */
bool memory_is_over(const struct memory *m);

/* A request has ended, which had so much of PHP's memory at most, and has left so much: bytes. Tells the slot what the
 * process holds and needs, after the first one and then when some time has passed; one system call then, of some 100
 * us.
 */
void memory_tell(struct memory *m, struct scoreboard_slot *slot, const struct memory_request *request);
