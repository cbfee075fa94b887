/* SPDX-License-Identifier: MIT */
#include "master/window.h"

#include "base/macros.h"

bool window_suits(const struct window_pool *p) {
        return p->replaced && p->in_place && p->awake && p->classic;
}

bool window_pays(size_t n) {
        return n > WINDOW_SIZE;
}

void window_count(struct window *w, const struct window_look *look, usec_t now) {
        usec_t until = look->ends_since + WINDOW_PATIENCE;
        bool ends = look->ends_since > 0 && now < until;

        if (!look->begun && !ends)
                return;
        w->n++;
        if (!look->begun)
                w->wake_at = w->wake_at == 0 ? until : MIN(w->wake_at, until);
}

bool window_let(struct window *w, const struct window_look *look) {
        if (!look->waits || w->n >= WINDOW_SIZE)
                return false;
        w->n++;
        return true;
}
