/* SPDX-License-Identifier: MIT */
/* See batches.h. What a pool does is in pool/renewal.c. */

#include "master/batches.h"

#include <string.h>

#include "conf/conf.h"
#include "log/log.h"
#include "master/listen.h"
#include "master/window.h"
#include "pool/renewal.h"

static bool batches_is_awake(const struct pool *p) {
        const struct generation *g = p->current;

        return g && !g->asleep && g->state == GENERATION_ACCEPTING && g->zygote.pid > 0 && !p->wanted &&
               (renewal_has_failed(p) || (!p->starting && p->renewal.state == RENEWAL_NONE));
}

static bool batches_suits(const struct master_pool *mp, const struct conf_pool *settings,
                          const struct plan_step *step) {
        return window_suits(&(struct window_pool){
                .replaced = step->action == PLAN_REPLACE,
                .in_place = step->listeners == PLAN_LISTENERS_KEPT && step->address == PLAN_ADDRESS_KEPT &&
                            listen_has_shards(mp->listeners, settings),
                .awake = batches_is_awake(mp->pool),
                .classic = !conf_model_prepares(settings),
        });
}

void batches_choose(struct master *m, const struct plan *plan) {
        const struct conf *conf = m->reload.conf;

        for (size_t i = 0; i < conf->n_pools; i++) {
                size_t at = plan->of_wanted[i];

                if (at == PLAN_NO_STEP || at >= m->n_pools)
                        continue;
                m->pools[at]->batched = batches_suits(m->pools[at], &conf->pools[i], &plan->steps[at]);
                m->reload.n_batched += m->pools[at]->batched;
        }
        if (!window_pays(m->reload.n_batched))
                batches_end(m);
}

static int batches_on_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        const struct master *m = userdata;

        m->env.changed(NULL, m->env.userdata);
        return 0;
}

static void batches_wake(struct master *m, usec_t at) {
        int r = 0;

        if (!m->reload.batch_timer && at > 0)
                r = sd_event_add_time(m->event, &m->reload.batch_timer, CLOCK_MONOTONIC, at, USEC_PER_MSEC,
                                      batches_on_timer, m);
        else if (m->reload.batch_timer && at > 0)
                r = sd_event_source_set_time(m->reload.batch_timer, at);
        if (r >= 0 && m->reload.batch_timer)
                r = sd_event_source_set_enabled(m->reload.batch_timer, at > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (r < 0)
                log_error("cannot set a timer, and pools are renewed when the old ones have gone: %s", strerror(-r));
}

static struct window_look batches_look(const struct pool *p) {
        enum renewal_state state = p->renewal.state;

        return (struct window_look){
                .waits = (state == RENEWAL_PREPARED && !p->starting) || state == RENEWAL_HOLDS,
                .begun = p->starting || (state == RENEWAL_BEGUN && p->starts.n_failed == 0),
                .ends_since = renewal_ends_since(p),
        };
}

/* Those whose place in the window has come go on. */
static void batches_move(struct master *m, void (*go_on)(struct pool *p)) {
        struct window w = {};
        usec_t now = time_now();

        for (size_t i = 0; i < m->n_pools; i++)
                if (m->pools[i]->batched) {
                        struct window_look look = batches_look(m->pools[i]->pool);

                        window_count(&w, &look, now);
                }
        batches_wake(m, w.wake_at);
        for (size_t i = 0; i < m->n_pools && w.n < WINDOW_SIZE; i++)
                if (m->pools[i]->batched) {
                        struct window_look look = batches_look(m->pools[i]->pool);

                        if (window_let(&w, &look))
                                go_on(m->pools[i]->pool);
                }
}

void batches_try(struct master *m) {
        if (m->reload.n_batched > 0)
                batches_move(m, renewal_try);
}

static bool batches_is_over(const struct pool *p) {
        return p->renewal.state == RENEWAL_NONE || renewal_has_failed(p);
}

bool batches_renew(struct master *m) {
        bool over = true;

        batches_move(m, renewal_begin);
        for (size_t i = 0; i < m->n_pools; i++)
                over = over && (!m->pools[i]->batched || batches_is_over(m->pools[i]->pool));
        return over;
}

size_t batches_list_failed(const struct master *m, const char *prefix, struct text *ret) {
        size_t n = 0;

        for (size_t i = 0; i < m->n_pools; i++) {
                const struct pool *p = m->pools[i]->pool;

                if (!m->pools[i]->batched || !renewal_has_failed(p))
                        continue;
                n++;
                text_printf(ret, "%spool '%s' goes on with its old settings, and is tried again: %s\n", prefix, p->name,
                            p->starts.problem ?: "out of memory");
        }
        return n;
}

static bool batches_has_passed(const struct master *m, const struct pool *p) {
        return m->state == STATE_RENEWING ? p->renewal.state == RENEWAL_NONE : p->renewal.state == RENEWAL_TRIED;
}

void batches_describe(const struct master *m, struct text *ret) {
        bool renews = m->state == STATE_RENEWING;
        size_t n = 0;

        if (m->reload.n_batched == 0)
                return;
        for (size_t i = 0; i < m->n_pools; i++)
                n += m->pools[i]->batched && batches_has_passed(m, m->pools[i]->pool);
        text_printf(ret, "%s%zu of %zu pools%s", renews ? "" : "PHP has started for ", n, m->reload.n_batched,
                    renews ? " renewed" : "");
}

void batches_end(struct master *m) {
        for (size_t i = 0; i < m->n_pools; i++)
                m->pools[i]->batched = false;
        m->reload.n_batched = 0;
        m->reload.batch_timer = sd_event_source_disable_unref(m->reload.batch_timer);
}
