/* SPDX-License-Identifier: MIT */
/* See apply.h. Until apply_commit() nothing of the generations that serve is touched. */

#include "master/apply.h"

#include <string.h>

#include "conf/conf.h"
#include "conn/allow.h"
#include "log/log.h"
#include "master/batches.h"
#include "master/defer.h"
#include "master/drain.h"
#include "master/pools.h"
#include "pool/relay.h"
#include "pool/renewal.h"

/* Sockets at an address where the pool has none. */
static int apply_open(struct master *m, const struct conf_pool *settings, const struct plan_step *step,
                      struct listen_set **ret, struct text *problems) {
        _cleanup_(listen_set_freep) struct listen_set *set = NULL;
        struct inherited none = {};
        int r;

        if (step->listeners == PLAN_LISTENERS_OPENED)
                return listen_open(&none, settings, ret, problems);
        r = listen_set_share(m->pools[step->from]->listeners, settings, &set);
        if (r == 0)
                r = listen_add_shards(set, settings, problems);
        if (r == 0)
                *ret = TAKE_PTR(set);
        return r;
}

/* The sockets that the pool has are what its next generation gets, and some more where shards are added. */
static int apply_keep_listeners(const struct master_pool *mp, const struct conf_pool *settings, struct text *problems) {
        int r = mp->listeners->inherited ? 0 : unixsocket_check_names(settings, problems);

        return r != 0 ? r : listen_add_shards(mp->listeners, settings, problems);
}

static int apply_add_pool(struct master *m, const struct conf_pool *settings, const struct plan_step *step,
                          struct master_pool **ret, struct text *problems) {
        struct listen_set *set = NULL;
        int r = apply_open(m, settings, step, &set, problems);

        if (r != 0)
                return r;
        r = pools_add(m, settings->name, set, ret);
        if (r < 0)
                listen_set_free(set);
        else
                (*ret)->planned = *step;
        return r;
}

static int apply_listeners(struct master *m, const struct conf_pool *settings, const struct plan_step *step,
                           struct master_pool **ret, struct text *problems) {
        if (step->action == PLAN_START)
                return apply_add_pool(m, settings, step, ret, problems);
        *ret = pools_find(m, settings->name);
        if (step->listeners == PLAN_LISTENERS_KEPT)
                return apply_keep_listeners(*ret, settings, problems);
        return apply_open(m, settings, step, &(*ret)->next_listeners, problems);
}

static int apply_start(struct master *m, const struct conf_pool *settings, const struct plan_step *step,
                       struct text *problems) {
        struct inherited none = {};
        const struct listen_set *set;
        struct master_pool *mp;
        int r;

        r = apply_listeners(m, settings, step, &mp, problems);
        if (r == 0 && step->page == PLAN_PAGE_OPENED)
                r = pools_open_page(&none, mp, settings, &mp->next_status, problems);
        if (r != 0)
                return r;
        set = mp->next_listeners ?: mp->listeners;
        mp->state = STATE_POOL_RENEWS;
        r = (mp->batched ? pool_try_generation : pool_start_generation)(
                mp->pool, m->reload.conf, settings, &(struct pool_listeners){ .fds = set->fds, .n = set->n });
        if (r == 0)
                return 0;
        text_printf(problems, "pool '%s': cannot start its zygote: %s\n", settings->name, strerror(-r));
        return LISTEN_E_PROBLEM;
}

static int apply_on_deferred_over(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        const struct master *m = userdata;

        m->env.changed(NULL, m->env.userdata);
        return 0;
}

/* Connections that the kernel keeps for their first bytes come while the old workers take them, or in the queues: at an
 * address that is given up they would be reset. */
static int apply_await_deferred(struct master *m) {
        usec_t longest = 0;

        for (size_t i = 0; i < m->n_pools; i++)
                if (m->pools[i]->planned.address == PLAN_ADDRESS_GIVEN_UP)
                        longest = MAX(longest, defer_end(m->pools[i]->listeners));
        m->reload.deferred = sd_event_source_disable_unref(m->reload.deferred);
        m->reload.not_before = time_now() + longest;
        return longest == 0 ? 0
                            : sd_event_add_time(m->event, &m->reload.deferred, CLOCK_MONOTONIC, m->reload.not_before,
                                                USEC_PER_MSEC, apply_on_deferred_over, m);
}

int apply_begin(struct master *m, const struct plan *plan, struct text *problems) {
        int r;

        for (size_t i = 0; i < m->n_pools; i++)
                m->pools[i]->planned = plan->steps[i];
        batches_choose(m, plan);
        r = apply_await_deferred(m);
        for (size_t i = 0; i < m->reload.conf->n_pools && r == 0; i++)
                if (plan->of_wanted[i] != PLAN_NO_STEP)
                        r = apply_start(m, &m->reload.conf->pools[i], &plan->steps[plan->of_wanted[i]], problems);
        return r;
}

static void apply_undo_pool(struct master_pool *mp) {
        if (mp->planned.address == PLAN_ADDRESS_GIVEN_UP)
                defer_resume(mp->listeners);
        if (mp->state == STATE_POOL_RENEWS) {
                mp->state = STATE_POOL_SERVES;
                pool_abandon(mp->pool);
        }
        if (mp->planned.action == PLAN_START) {
                mp->state = STATE_POOL_LEAVES;
                pool_stop(mp->pool, true);
        }
        listen_set_free(TAKE_PTR(mp->next_listeners));
        statuspage_free(TAKE_PTR(mp->next_status));
        mp->planned = (struct plan_step){};
}

void apply_undo(struct master *m) {
        for (size_t i = 0; i < m->n_pools; i++)
                apply_undo_pool(m->pools[i]);
        batches_end(m);
}

/* settings: of a pool that stays; else NULL. */
static void apply_commit_page(struct master_pool *mp, const struct conf_pool *settings) {
        if (mp->planned.page == PLAN_PAGE_KEPT) {
                if (settings)
                        statuspage_set_defer(mp->status, settings);
                return;
        }
        statuspage_free(mp->status);
        mp->status = TAKE_PTR(mp->next_status);
}

/* The next generation takes over, at its own address. allow: of the address that is given up; NULL: none is. */
static void apply_promote(struct master_pool *mp, const struct conf_pool *settings, const struct allow *allow) {
        if (mp->batched)
                renewal_hold(mp->pool);
        else
                pool_promote(mp->pool);
        if (allow)
                drain_finish(mp->listeners, allow, mp->pool);
        apply_commit_page(mp, settings);
        if (mp->next_listeners) {
                listen_set_free(mp->listeners);
                mp->listeners = TAKE_PTR(mp->next_listeners);
        }
        listen_commit_shards(mp->listeners, settings);
        listen_commit_backlog(mp->listeners, settings);
        defer_apply(mp->listeners, settings);
        mp->state = STATE_POOL_SERVES;
}

static void apply_drop(struct master_pool *mp, const struct allow *allow) {
        mp->state = STATE_POOL_LEAVES;
        apply_commit_page(mp, NULL);
        if (allow) {
                pool_leave_listeners(mp->pool);
                drain_finish(mp->listeners, allow, mp->pool);
        }
        pool_stop(mp->pool, false);
}

static void apply_commit_pool(struct master_pool *mp, const struct conf_pool *settings) {
        bool gives_up = mp->planned.address == PLAN_ADDRESS_GIVEN_UP;
        _cleanup_allow_ struct allow allow = {};

        if (gives_up) {
                drain_allowed(mp->pool, &allow); /* its settings may be gone when the next ones hold */
                drain_begin(mp->listeners, &allow, mp->pool);
        } else if (mp->planned.address == PLAN_ADDRESS_PASSED_ON)
                relay_begin(mp->pool, mp->planned.action == PLAN_DROP);
        if (mp->planned.action == PLAN_DROP)
                apply_drop(mp, gives_up ? &allow : NULL);
        else if (plan_starts(&mp->planned))
                apply_promote(mp, settings, gives_up ? &allow : NULL);
}

size_t apply_commit(struct master *m, bool *ret_all) {
        size_t n = 0;

        *ret_all = true;
        for (size_t i = 0; i < m->n_pools; i++)              /* before any set of the old is closed */
                if (m->pools[i]->state != STATE_POOL_LEAVES) /* the sets of refused reloads stay what they are */
                        listen_set_commit(m->pools[i]->next_listeners ?: m->pools[i]->listeners);
        for (size_t i = 0; i < m->n_pools; i++) {
                struct master_pool *mp = m->pools[i];

                if (mp->state == STATE_POOL_LEAVES)
                        continue;
                apply_commit_pool(mp, conf_find_pool(m->reload.conf, mp->pool->name));
                n += plan_starts(&mp->planned);
                *ret_all &= mp->planned.action != PLAN_KEEP;
                mp->planned = (struct plan_step){};
        }
        return n;
}
