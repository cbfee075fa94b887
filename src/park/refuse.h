/* SPDX-License-Identifier: MIT */
#pragma once
/* Answering a request here, without a worker: queue.status, queue.retry_after, queue.body. */

#include "park/park.h"
#include "scoreboard/layout.h"

/* A request that waits is answered, counted and, once in a while, told of; c may be gone then. False: it is one that
 * only a worker can answer, and waits on. */
bool refuse_request(struct park *park, struct connection *c, enum scoreboard_overload_number why);
