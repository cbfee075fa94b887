/* SPDX-License-Identifier: MIT */
/* See stuck.h. A start that is on its way stops the clock and does not set it back: a pool that is renewed again and
 * again, and never takes a connection, is stuck all the same. */

#include "pool/stuck.h"

static bool stuck_should_take(const struct stuck_look *look) {
        return look->waiting > 0 && !look->has_no_room && (look->n_workers == 0 || look->n_idle > 0);
}

usec_t stuck_look(struct stuck *s, const struct stuck_look *look) {
        usec_t between = s->last > 0 && look->now > s->last ? look->now - s->last : 0;
        bool moves = look->taken != s->taken;

        s->last = look->now;
        s->taken = look->taken;
        if (moves || (!look->waits_for_start && !stuck_should_take(look)) || look->waiting == 0) {
                s->since = 0;
                return 0;
        }
        if (look->waits_for_start) {
                s->since += s->since > 0 ? between : 0;
                return s->since > 0 ? look->now - s->since : 0;
        }
        if (s->since == 0)
                s->since = look->now;
        return look->now - s->since;
}
