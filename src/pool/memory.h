/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The memory of a pool's workers, as they tell it, and what pm.max_children = auto makes of it. Workers look at their
 * share (PSS) themselves, since nobody else may: they are not dumpable. So it is a hint about the pool's own processes;
 * one that lies gets a wrong number of workers, between the same bounds.
 */

#include "base/cgroup.h"
#include "pool/picture.h"

/* What there is for all pools that have "auto"; the master looks (master/memory.c). */
struct memory_view {
        uint64_t room;    /* bytes that nobody has yet */
        uint64_t held;    /* bytes that workers of these pools have */
        uint64_t limit;   /* bytes: where the room is from, ... */
        char where[320];  /* ... in words */
        unsigned n_pools; /* that share it */
        unsigned n_cpus;
};

/* Processes that the kernel has killed for want of memory, as the service's control group counts them. */
struct memory_kills {
        const struct cgroup *cgroup;
        uint64_t claimed; /* by workers that have died so, or by nobody in time */
        uint64_t seen;    /* at the last look */
};

struct memory_sum {
        uint64_t held; /* bytes */
        uint64_t need; /* bytes */
        unsigned n;    /* workers that have told */
};

/* Adds what the pool's workers have told, those of all its generations. */
void memory_add(const struct pool *p, struct memory_sum *sum);

/* What settings of the pool have for pm.max_children: the number that is in force for "auto". */
unsigned memory_max_children(struct pool *p, const struct conf_pool *conf);

/* Reckons anew, for a pool with "auto"; what has changed is told, and done. */
void memory_reckon(struct pool *p);

/* True when a worker of a pool with "auto" has told of its memory, and none had when that was last reckoned. */
bool memory_is_news(const struct pool *p);

/* Its settings have "auto". */
bool memory_is_automatic(const struct pool *p);

/* A process has ended by SIGKILL, and the master has not sent it. True: the kernel has, for want of memory. */
bool memory_claim_kill(struct memory_kills *k);

/* At each look, once in some seconds: kills of processes that are none of ours are forgotten. */
void memory_forget_kills(struct memory_kills *k);
