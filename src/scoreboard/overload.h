/* SPDX-License-Identifier: MIT */
#pragma once
/* Counting what is done under overload: any process of the pool does, in the header of its scoreboard. Rare events, so
 * they share a cache line. */

#include "scoreboard/layout.h"

static inline void overload_count(struct scoreboard *s, enum scoreboard_overload_number what) {
        atomic_fetch_add_explicit(&s->header.overload[what], 1, memory_order_relaxed);
}
