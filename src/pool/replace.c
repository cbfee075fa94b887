/* SPDX-License-Identifier: MIT */
/*
 * A generation whose zygote has ended, or whose workers crash, gets a successor with the same settings, beside which
 * its workers go on until that accepts. One that does not come up is tried again, later each time.
 */

#include "pool/replace.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "log/log.h"
#include "pool/generation.h"
#include "pool/sample.h"
#include "pool/scale.h"
#include "pool/start.h"

void replace_note_failure(struct pool *p, const char *reason, usec_t now) {
        p->starts.n_failed++;
        p->starts.last_failure = now;
        free(p->starts.problem);
        p->starts.problem = strdup(reason ?: "out of memory");
}

static int replace_start(struct pool *p) {
        const struct generation *g = picture_renewed(p) ?: p->current ?: p->wanted;

        return start_generation(
                p, &(struct start_settings){ .packed = g->packed, .n_packed = g->n_packed, .listeners = g->listeners },
                true);
}

static void replace_log_failure(const struct generation *g) {
        const struct pool *p = g->pool;
        _cleanup_text_ struct text message = {};

        if (!p->current || !p->current->asleep) {
                log_error("[pool %s] a fresh zygote does not start%s: %s", p->name,
                          !picture_renewed(p)                        ? ""
                          : p->current && p->current->zygote.pid > 0 ? " with the new settings, and the old one goes on"
                                                                     : " with the new settings",
                          g->reason ?: "out of memory");
                return;
        }
        text_printf(&message, "%s; it was to wake up, and its clients are told that it does not",
                    g->reason ?: "out of memory");
        log_write(&(struct log_entry){ .level = LOG_LEVEL_ERROR,
                                       .event = LOG_EVENT_POOL_DOWN,
                                       .pool = p->name,
                                       .message = text_peek(&message) });
}

static void replace_log_success(const struct generation *g) {
        const struct pool *p = g->pool;

        if (p->current && p->current->asleep)
                log_debug("[pool %s] is awake, with generation %u", p->name, g->number);
        else if (p->current)
                log_printf(picture_renewed(p) ? LOG_LEVEL_DEBUG : log_level_own(),
                           "[pool %s] generation %u has taken over", p->name, g->number);
        if (p->starts.n_failed > 0 && (!p->current || p->current->asleep || picture_renewed(p)))
                log_notice("[pool %s] has started after %u failed tries, and serves", p->name, p->starts.n_failed);
}

/* When worker.max_age is over for what a zygote has booted. */
static usec_t replace_worn_at(const struct generation *g) {
        if (!g || g->asleep || !conf_model_forks(g->conf) || g->conf->worker_max_age == 0)
                return USEC_INFINITY;
        return g->started + g->conf->worker_max_age;
}

/* False: the successor is on its way, or has just arrived. */
static bool replace_may_begin(struct pool *p, usec_t now) {
        struct generation *g = p->starting;

        if (p->stopping)
                return false; /* what starts then is last.c's */
        if (g && p->starting_is_replacement) {
                if (g->state == GENERATION_ACCEPTING) {
                        replace_log_success(g);
                        start_promote(p);
                        sample_limits(p); /* its listeners may be others than before */
                        return false;
                }
                if (g->state != GENERATION_FAILED)
                        return false;
                replace_log_failure(g);
                replace_note_failure(p, g->reason, now);
                p->starting = NULL;
                generation_give_up(g, now);
        }
        if (p->starting)
                return false;
        if (p->current)
                return !p->current->asleep &&
                       (p->current->zygote.pid == 0 || p->renew || now >= replace_worn_at(p->current));
        return p->wanted != NULL;
}

usec_t replace_due(const struct pool *p) {
        usec_t failed = scale_delay(SCALE_YOUNG_FREE + p->starts.n_failed), ended = scale_delay(p->starts.n_short);

        return MAX(p->starts.n_failed > 0 ? p->starts.last_failure + failed : 0,
                   ended > 0 ? p->starts.last_short + ended : 0);
}

usec_t replace_zygote(struct pool *p, usec_t now) {
        int r;

        if (!replace_may_begin(p, now))
                return p->starting || p->stopping ? USEC_INFINITY : replace_worn_at(p->current);
        if (now < replace_due(p))
                return replace_due(p);
        r = replace_start(p);
        if (r >= 0)
                return p->starting->state == GENERATION_FAILED ? now : USEC_INFINITY;
        log_error("[pool %s] cannot start a fresh zygote: %s", p->name, strerror(-r));
        replace_note_failure(p, strerror(-r), now);
        return replace_due(p);
}
