/* SPDX-License-Identifier: MIT */
/*
 * See makeroom.h. Who is idle is the workers' word, and so a hint: a pool that lies about it gives up more, or fewer,
 * of its own. A claim is looked at each time that its pool is, so several times a second; there is nothing to do
 * otherwise.
 */

#include "master/makeroom.h"

#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "pool/resize.h"
#include "pool/sample.h"

/* Between two looks at all pools. Whoever claims comes again, and so do pools that have workers. */
#define MAKEROOM_PAUSE (50 * USEC_PER_MSEC)

/* No callback of a pool is on the stack. */
static int makeroom_on_turn(_unused_ sd_event_source *s, void *userdata) {
        const struct master *m = userdata;

        if (m->budget.first)
                picture_changed(m->budget.first->owner);
        return 0;
}

int makeroom_attach(struct master *m) {
        int r = sd_event_add_defer(m->event, &m->budget_turn, makeroom_on_turn, m);

        if (r < 0)
                return r;
        sd_event_source_set_description(m->budget_turn, "budget-turn");
        return sd_event_source_set_enabled(m->budget_turn, SD_EVENT_OFF);
}

void makeroom_detach(struct master *m) {
        m->budget_turn = sd_event_source_disable_unref(m->budget_turn);
}

void makeroom_set(struct master *m, const struct conf *conf) {
        m->budget.limit = conf->global.pool_budget;
}

/* Of one that has no worker to give: nothing. */
static struct budget_pool makeroom_picture(const struct pool *p, usec_t now) {
        const struct generation *g = p->current;
        struct budget_pool ret = { .claims = p->claim.n > 0 };
        unsigned n_long;

        if (!g || p->stopping || g->n_accepting <= g->n_leaving)
                return ret;
        ret.n_workers = g->n_accepting - g->n_leaving;
        ret.keeps_one = g->conf->pm != CONF_PM_ONDEMAND;
        sample_count_idle(g, 0, now, &ret.n_idle, &n_long);
        return ret;
}

/* Those that are on their way out already. Not whoever has begun with a request meanwhile: others would wait for that.
 */
static unsigned makeroom_count_leaving(const struct master *m, usec_t now) {
        unsigned n = 0;

        for (size_t i = 0; i < m->n_pools; i++)
                if (m->pools[i]->pool->current)
                        n += resize_count_leaving(m->pools[i]->pool->current, now);
        return n;
}

static void makeroom_for(struct master *m, unsigned n, usec_t now) {
        _cleanup_free_ struct budget_pool *pools = calloc(m->n_pools, sizeof(*pools));
        size_t who;

        for (size_t i = 0; pools && i < m->n_pools; i++)
                pools[i] = makeroom_picture(m->pools[i]->pool, now);
        for (; pools && n > 0 && budget_choose(pools, m->n_pools, &who); n--) {
                if (!resize_give_up_one(m->pools[who]->pool->current, now))
                        return; /* they have become busy meanwhile */
                pools[who].n_workers--;
                pools[who].n_idle -= pools[who].n_idle > 0;
                log_debug("[pool %s] gives up a worker, as other pools need more than pool.budget (%u) has left",
                          m->pools[who]->pool->name, m->budget.limit);
        }
}

void makeroom_on_change(struct master *m, const struct pool *changed) {
        const struct budget_claim *first = m->budget.first;
        usec_t now;
        unsigned n;

        if (m->budget.limit == 0 || (!first && m->n_workers <= m->budget.limit))
                return;
        if (first && first->owner != changed && budget_left(&m->budget, first, m->n_workers) > 0)
                (void)sd_event_source_set_enabled(m->budget_turn, SD_EVENT_ONESHOT);
        now = time_now();
        if (now < m->budget_next)
                return;
        m->budget_next = now + MAKEROOM_PAUSE;
        n = budget_missing(&m->budget, m->n_workers, makeroom_count_leaving(m, now));
        if (n > 0)
                makeroom_for(m, n, now);
}
