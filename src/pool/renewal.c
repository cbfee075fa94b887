/* SPDX-License-Identifier: MIT */
#include "pool/renewal.h"

#include <string.h>

#include "pool/generation.h"

int renewal_prepare(struct pool *p, const struct start_settings *settings) {
        struct generation *g;
        int r = start_keep(p, settings, &g);

        if (r < 0)
                return r;
        if (renewal_has_failed(p)) {
                if (p->starting)
                        generation_give_up(TAKE_PTR(p->starting), time_now());
                p->renewal.before = p->renewal.settings;
                p->renew = false;
        }
        p->renewal.settings = g;
        p->renewal.state = RENEWAL_PREPARED;
        return 0;
}

static void renewal_end_trial(struct pool *p, usec_t now) {
        p->renewal.state = RENEWAL_TRIED;
        if (p->starting)
                generation_give_up(TAKE_PTR(p->starting), now);
}

void renewal_try(struct pool *p) {
        struct generation *g = p->renewal.settings;
        int r;

        p->renewal.state = RENEWAL_IN_TRIAL;
        r = start_generation(
                p, &(struct start_settings){ .packed = g->packed, .n_packed = g->n_packed, .listeners = g->listeners },
                false);
        if (r < 0) {
                generation_fail(g, strerror(-r));
                renewal_end_trial(p, time_now());
                return;
        }
        p->starting->trial = true;
        p->starting->n_first = 0;
        p->supervise(p);
}

void renewal_supervise(struct pool *p, usec_t now) {
        struct generation *g = p->starting, *settings = p->renewal.settings;

        if (p->renewal.state != RENEWAL_IN_TRIAL || !g || g->state == GENERATION_STARTING)
                return;
        if (g->state == GENERATION_ACCEPTING)
                settings->php.remarks = TAKE_PTR(g->php.remarks);
        else
                generation_fail(settings, g->reason ?: "out of memory");
        renewal_end_trial(p, now);
}

bool renewal_is_tried(const struct pool *p) {
        return p->renewal.state != RENEWAL_NONE && p->renewal.state < RENEWAL_HOLDS;
}

void renewal_drop(struct pool *p) {
        struct generation *before = TAKE_PTR(p->renewal.before);

        if (p->renewal.state == RENEWAL_IN_TRIAL)
                renewal_end_trial(p, time_now());
        start_forget_renewal(p);
        if (!before)
                return;
        p->renewal.settings = before;
        p->renewal.state = RENEWAL_BEGUN;
        p->renew = true;
}

void renewal_hold(struct pool *p) {
        if (p->starting)
                generation_give_up(TAKE_PTR(p->starting), time_now()); /* with the old settings */
        generation_free(TAKE_PTR(p->renewal.before));
        p->renewal.state = RENEWAL_HOLDS;
        p->starts.n_short = 0;
        start_forget_failures(p);
        p->supervise(p);
}

void renewal_begin(struct pool *p) {
        p->renewal.state = RENEWAL_BEGUN;
        p->renew = true;
        p->supervise(p);
}

const struct generation *renewal_settings(const struct pool *p) {
        return picture_renewed(p) ?: p->current;
}

bool renewal_has_failed(const struct pool *p) {
        return p->renewal.state == RENEWAL_BEGUN && p->starts.n_failed > 0;
}

usec_t renewal_ends_since(const struct pool *p) {
        usec_t since = 0;

        for (const struct generation *g = p->generations; g; g = g->next)
                if (g->drain.begun && !generation_is_gone(g))
                        since = MAX(since, g->drain.since);
        return since;
}
