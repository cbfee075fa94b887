/* SPDX-License-Identifier: MIT */

#include "conn/spin.h"

#include "base/macros.h"

bool spin_try(struct spin *s, usec_t now) {
        if (!s->on && s->n_waits <= s->pause)
                return false;
        if (s->n_tries == 0)
                s->since = now;
        if (s->n_tries >= SPIN_TRIES || now - s->since >= SPIN_TIME)
                return false;
        if (s->on)
                s->pause = 0;
        s->on = true;
        s->n_tries++;
        s->n_waits = 0;
        return true;
}

void spin_missed(struct spin *s) {
        s->on = false;
        s->pause = MIN(2 * s->pause + 1, SPIN_PAUSE - 1);
}

void spin_wait(struct spin *s) {
        s->n_tries = 0;
        s->n_waits++;
}
