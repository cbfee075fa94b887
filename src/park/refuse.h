/* SPDX-License-Identifier: MIT */
#pragma once
/* Answering a request here, without a worker: queue.status, queue.retry_after, queue.body. */

#include "park/park.h"
#include "scoreboard/layout.h"

/* Reads queue.body where it has changed; once in a second at most. */
void refuse_look_at_page(struct park *park);

/* A request that waits is answered, counted and, once in a while, told of; c may be gone then. False: it is one that
 * only a worker can answer, and waits on. */
bool refuse_request(struct park *park, struct connection *c, enum scoreboard_overload_number why);

/* The same of a request that has just come, whose n bytes at in have no room in park.max_bytes beside those that wait.
 * in: in park->buf as a rule, which is overwritten. */
bool refuse_unstored(struct park *park, struct connection *c, const uint8_t *in, size_t n);
