/* SPDX-License-Identifier: MIT */
/* See streak.h. */

#include "conn/streak.h"

#include "base/macros.h"

bool streak_try(struct streak *s, usec_t now) {
        if (!s->on && s->n_waits <= s->pause)
                return false;
        if (s->n_tries == 0)
                s->since = now;
        if (s->n_tries >= STREAK_TRIES || now - s->since >= STREAK_TIME)
                return false;
        if (s->on)
                s->pause = 0;
        s->on = true;
        s->n_tries++;
        s->n_waits = 0;
        return true;
}

void streak_missed(struct streak *s) {
        s->on = false;
        s->pause = MIN(2 * s->pause + 1, STREAK_PAUSE - 1);
}

void streak_wait(struct streak *s) {
        s->n_tries = 0;
        s->n_waits++;
}
