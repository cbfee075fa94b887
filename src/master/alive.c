/* SPDX-License-Identifier: MIT */
/*
 * What the service manager does when the watchdog is not fed, is to abort the master and to start the service anew,
 * which cuts all requests that its pools have in hand. So one pool's trouble is no reason: it is renewed by itself
 * (pool/health.c), its load balancers are told, and the others serve on. The watchdog is for a service of which no pool
 * does what it should, after that has not helped. There is nothing left to lose then.
 *
 * A pool that sleeps, or whose PHP does not start, has no voice: a restart takes nothing from it, and mends nothing.
 */

#include "master/alive.h"

#include "log/log.h"
#include "pool/health.h"

usec_t alive_patience(usec_t watchdog) {
        return watchdog > 0 ? MIN(HEALTH_PATIENCE, watchdog / 3) : HEALTH_PATIENCE;
}

static bool alive_is_hopeless(const struct master *m) {
        size_t n = 0;

        if (m->state == STATE_STARTING || m->state == STATE_STOPPING)
                return false;
        for (size_t i = 0; i < m->n_pools; i++) {
                const struct pool *p = m->pools[i]->pool;
                enum health_state state = health_state(p);

                if (health_is_hopeless(p))
                        n++;
                else if (state != HEALTH_FAILING && state != HEALTH_STOPPING && !(p->current && p->current->asleep))
                        return false;
        }
        return n > 0;
}

void alive_tick(struct master *m, usec_t now) {
        bool was = m->env.hopeless;

        for (size_t i = 0; i < m->n_pools; i++)
                if (!wake_is_quiet(m->pools[i]->pool))
                        health_look(m->pools[i]->pool, now);
        m->env.hopeless = alive_is_hopeless(m);
        if (m->env.hopeless && !was)
                log_error("no pool takes connections%s",
                          m->notify.watchdog ? ": the watchdog is not fed, so that the service manager restarts the "
                                               "service"
                                             : "");
        else if (was && !m->env.hopeless)
                log_notice("connections are taken again");
}
