/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Requests on their way from the park to whichever worker is free: they wait in a socket, which tells how many bytes
 * are in it, and not how many messages. So both ends count. A process that is killed between a call and its count
 * leaves a difference; untrusted_board_settle_offers() finds it.
 */

#include "scoreboard/layout.h"

/* The park has sent one. */
static inline void offered_count(struct scoreboard_park *numbers) {
        atomic_fetch_add_explicit(&numbers->offered, 1, memory_order_relaxed);
}

/* It has been received, whatever becomes of it. */
static inline void offered_count_taken(struct scoreboard *s) {
        atomic_fetch_add_explicit(&s->header.offers_taken, 1, memory_order_relaxed);
}

/* How many wait there. */
static inline uint64_t offered_waiting(const struct scoreboard_header *h) {
        uint64_t taken = atomic_load_explicit(&h->offers_taken, memory_order_relaxed);
        uint64_t sent = atomic_load_explicit(&h->park.offered, memory_order_relaxed);

        return sent > taken ? sent - taken : 0;
}
