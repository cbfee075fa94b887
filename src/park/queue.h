/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The requests that wait here for a worker: those that have no room in the offers. Where the pool limits them
 * (queue.max_wait, queue.max_length) all that wait do so here, but for one that the next free worker takes.
 */

#include "park/park.h"

/* How many wait. */
size_t queue_length(const struct park *park);

/* A request begins to wait. */
void queue_enter(struct park *park, struct connection *c);

/* The one whose turn it is; NULL: none waits. */
struct connection *queue_next(const struct park *park);
