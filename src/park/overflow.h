/* SPDX-License-Identifier: MIT */
#pragma once
/* Requests that leave the queue without a worker: they have waited too long, are too many, or their client has gone. */

#include "park/park.h"

/* Its time is over (queue.max_wait). */
void overflow_on_late(struct park *park, struct connection *c);

/* Its client has gone. */
void overflow_on_hangup(struct park *park, struct connection *c);

/* Answers those that are too many (queue.max_length). When to call it again. */
usec_t overflow_enforce(struct park *park);

/* n requests wait, the first of them since then; in_flight: another one is offered. */
struct overflow_queue {
        size_t n;
        bool in_flight;
        usec_t since, now;
};

/* How many of them are too many. *ret_at: when to ask again. No clock, no call. */
size_t overflow_surplus(const struct overflow_queue *q, unsigned max_length, usec_t *ret_at);
