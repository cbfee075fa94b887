/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which waiting workers watch the listeners and the park's offers, and which rest.
 *
 * The kernel wakes one more of the workers that watch for each connection that comes before those it has woken already
 * have run. In a pool of many workers a burst of short requests so is spread over all of them: each is woken for one
 * request, and meets it with memory that has left the CPU's cache. And which of them it wakes does not depend on which
 * has empty hands: a worker with a connection in hand has to give that to the park for another one, while others have
 * nothing to do.
 *
 * So when enough workers watch, the others rest: they hear the connection they have in hand, if any, and the order to
 * end, no more. When one that watches becomes busy and fewer than half of that are left, one that rests is called, by a
 * bell: one with empty hands, if there is one. It watches from then on.
 *
 * Bits of each worker, in memory that the workers of a generation share. Their order is the whole point, and all
 * operations are sequentially consistent: a worker that is to rest says so, and then makes sure that others watch; one
 * that becomes busy ceases to watch, and then looks whether others watch, and whether somebody rests. So of two that do
 * so at once, one sees the other.
 */

#include <stdbool.h>
#include <stdint.h>

struct watchers;

/* In the zygote, before its first fork; for the life of the processes. n_slots: workers have numbers below that.
 * n_enough: so many watch, and more rest. NULL when memory or descriptors are short: then everybody watches. The others
 * accept that. */
struct watchers *watchers_new(uint32_t n_slots, uint32_t n_enough);

/* In each worker, right after its fork. */
void watchers_after_fork(struct watchers *r);

/* A descriptor that hangs up when the zygote is gone: then nobody forgets the dead, and the watchers is not to be used
 * any more. -1 without a watchers. */
int watchers_parent(const struct watchers *r);

/* The eventfd that calls those that rest, with a connection in hand or without; not the caller's. -1 without a
 * watchers.
 */
int watchers_bell(const struct watchers *r, bool holding);

/* The worker waits from now on. True: it is to watch; false: it is to rest, until its bell rings. */
bool watchers_join(struct watchers *r, uint32_t slot, bool holding);

/* It rested, its bell has rung, and it watches. */
void watchers_on_called(struct watchers *r, uint32_t slot, bool holding);

/* It waits no more. */
void watchers_leave(struct watchers *r, uint32_t slot, bool holding);

/* In the zygote: it is gone. */
void watchers_forget(struct watchers *r, uint32_t slot);
