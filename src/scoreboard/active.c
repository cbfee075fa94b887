/* SPDX-License-Identifier: MIT */
/* See active.h. Whatever somebody scribbles here, a look ends with the last word there is, and readers bound what it
 * says. */

#include "scoreboard/active.h"

#include "base/atomic.h"
#include "base/macros.h"

#define ACTIVE_BIT(i) (1ULL << (i) % 64U)

static uint32_t active_count(const struct scoreboard_header *h) {
        uint32_t n_used = MIN(*(const volatile uint32_t *)&h->n_used, (uint32_t)SCOREBOARD_SLOTS), n = 0;

        for (uint32_t w = 0; w * 64U < n_used; w++)
                n += (uint32_t)__builtin_popcountll(atomic_load_explicit(&h->active[w], memory_order_relaxed));
        return n;
}

void active_enter(struct scoreboard *s, uint32_t i) {
        atomic_fetch_or(&s->header.active[i / 64U], ACTIVE_BIT(i));
        atomic_raise(&s->header.max_active, active_count(&s->header));
}

void active_leave(struct scoreboard *s, uint32_t i) {
        atomic_fetch_and(&s->header.active[i / 64U], ~ACTIVE_BIT(i));
}
