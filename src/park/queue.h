/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The requests that wait here for a worker: those that have no room in the offers. Where the pool limits them
 * (queue.max_wait, queue.max_length) all that wait do so here, but for one that the next free worker takes.
 */

#include "park/park.h"

/* How many wait; and without those that are not refused. */
size_t queue_length(const struct park *park);
size_t queue_length_limited(const struct park *park);

/* Whether that is a state of those that wait. */
bool queue_holds(enum connection_state state);

/* Of those that may be refused: who has waited for the longest time, and who is the first to be refused where there are
 * too many. NULL: none waits. */
struct connection *queue_first(const struct park *park);
struct connection *queue_last(const struct park *park);

/* A request begins to wait. */
void queue_enter(struct park *park, struct connection *c);

/* The one whose turn it is; NULL: none waits. */
struct connection *queue_next(const struct park *park);

/* One of that state had its turn. */
void queue_on_offered(struct park *park, enum connection_state state);

/* Which class is next, of which so many wait, and which have had so many turns, each by its length: none of them waits
 * for ever. _PARK_CLASS_MAX: none. No clock, no call. */
enum park_class queue_pick(const size_t n[static _PARK_CLASS_MAX], const uint64_t turns[static _PARK_CLASS_MAX]);
