/* SPDX-License-Identifier: MIT */
#pragma once
/* Counting what a pool's fence keeps out, as overload.h does. */

#include "scoreboard/layout.h"

static inline void denied_count(struct scoreboard *s, enum scoreboard_denied_number what) {
        atomic_fetch_add_explicit(&s->header.denied[what], 1, memory_order_relaxed);
}
