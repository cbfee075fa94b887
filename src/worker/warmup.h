/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * worker.warmup[] in a process that serves nobody yet: a worker whose script has booted, a zygote that will be forked,
 * or a process of the zygote's that is there for nothing else.
 */

#include <stdbool.h>
#include <stddef.h>

#include "conf/model.h"

#define WARMUP_REASON_MAX 1000

struct warmup {
        const struct conf_pool *pool;
        bool refuses;   /* one that fails is the last, and its generation's failure; else it is told in the log */
        size_t n_done;  /* of the pool's */
        bool over;      /* there is none to do any more */
        bool abandoned; /* nothing of PHP's may be called any more */
        char reason[WARMUP_REASON_MAX]; /* over by a failure: the process is not to go on. "": it may */
};

/* Before any of these processes is there: what one of them has told of an address the others do not tell again. */
void warmup_share(const struct conf_pool *pool);

/* cold: there is none to do. */
void warmup_init(struct warmup *w, const struct conf_pool *pool, bool refuses, bool cold);

/* The next one. In a process that its code has forked off it does not return. */
void warmup_next(struct warmup *w);

/* A reason for a process whose script has ended while there were some to do. */
void warmup_note_end(struct warmup *w);
