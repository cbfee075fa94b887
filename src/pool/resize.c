/* SPDX-License-Identifier: MIT */
/* Acts on scale_plan(): orders workers, and has those end that are not needed. */

#include "pool/resize.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "conf/types.h"
#include "log/log.h"
#include "pool/backlog.h"
#include "pool/budget.h"
#include "pool/generation.h"
#include "pool/news.h"
#include "pool/room.h"
#include "pool/sample.h"
#include "pool/scale.h"
#include "pool/timeouts.h"
#include "pool/workers.h"
#include "scoreboard/overload.h"
#include "untrusted/board.h"

/* Orders to fork that may be unanswered, so that the socket never fills while the zygote answers: neither side ever
 * waits for the other. */
#define RESIZE_ASKED_MAX 16U

/* An idle worker that is told to end does so at once, or is killed. One that is busy after this has begun with a
 * request, or says so, and nobody knows for how long. */
#define RESIZE_LEAVES_SOON USEC_PER_SEC

/* One that has just taken a connection serves it. */
static void resize_tell_to_end(struct generation *g, uint32_t slot, usec_t now) {
        struct pool_worker *w = &g->pool->workers[slot];

        w->leaving = true;
        w->told = now;
        g->n_leaving++;
        syscall(SYS_pidfd_send_signal, w->pidfd, SIGQUIT, NULL, 0);
}

/* Idle workers that are not needed: the one that was forked last stands last in line for connections. */
static void resize_thin(struct generation *g, const struct scale_plan *plan, usec_t now) {
        uint32_t slot;

        for (unsigned i = 0; i < plan->end && sample_last_idle(g, plan->end_idle_for, now, &slot); i++)
                resize_tell_to_end(g, slot, now);
}

bool resize_give_up_one(struct generation *g, usec_t now) {
        uint32_t slot;

        if (!sample_last_idle(g, 0, now, &slot))
                return false;
        resize_tell_to_end(g, slot, now);
        overload_count(g->pool->scoreboard, SCOREBOARD_OVERLOAD_yielded);
        return true;
}

unsigned resize_count_leaving(const struct generation *g, usec_t now) {
        const struct pool *p = g->pool;
        unsigned n = 0;

        for (uint32_t i = 0; i < p->n_used && g->n_leaving > 0; i++) {
                const struct pool_worker *w = &p->workers[i];

                n += w->generation == g && w->leaving &&
                     (now - w->told < RESIZE_LEAVES_SOON || untrusted_board_is_idle(p->scoreboard, i, 0, now));
        }
        return n;
}

/* The second step of that order, for those that do not hear the first. */
usec_t resize_cut_leaving(struct generation *g, usec_t now) {
        struct pool *p = g->pool;
        usec_t at = USEC_INFINITY;

        for (uint32_t i = 0; i < p->n_used && g->n_leaving > 0; i++) {
                struct pool_worker *w = &p->workers[i];

                if (w->generation != g || !w->leaving || w->told == 0)
                        continue;
                if (timeouts_leave_is_over(w->told, untrusted_board_is_idle(p->scoreboard, i, 0, now), now, &at)) {
                        w->told = 0;
                        w->killed = true;
                        log_warning("[pool %s] child %d was told to end, idles on, and is killed", p->name, w->pid);
                        syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
                }
        }
        return at;
}

/* What the decision is made from. */
static void resize_look(struct generation *g, usec_t now, struct scale_input *ret) {
        const struct pool *p = g->pool;
        const struct pool_env *env = p->env;
        bool grows = g == p->current && g->conf->pm != CONF_PM_STATIC;

        *ret = (struct scale_input){
                .pm = g->conf->pm,
                .max_children = g->max_children,
                .min_spare = g->conf->min_spare_servers,
                .max_spare = g->conf->max_spare_servers,
                .max_spawn_rate = g->conf->max_spawn_rate,
                .idle_timeout = g->conf->process_idle_timeout,
                .starting = g != p->current,
                .n_first = g->n_first,
                .n_workers = g->n_workers,
                .n_leaving = g->n_leaving,
                .n_pending = g->n_workers - g->n_accepting,
                .n_left = UINT_MAX,
                .pressed = now < env->pressed_until,
                .n_young_dead = p->deaths.n_young,
                .last_death = p->deaths.last,
                .last_try = p->deaths.last_try,
                .now = now,
                .state = g->scale,
        };
        for (const struct generation *other = p->generations; other; other = other->next)
                ret->n_others += other != g ? other->n_workers : 0;
        ret->has_budget = env->budget->limit > 0;
        if (ret->has_budget)
                ret->n_budget = budget_left(env->budget, &p->claim, *env->n_workers);
        if (env->process_max > 0)
                ret->n_left = env->process_max > *env->n_workers ? env->process_max - *env->n_workers : 0;
        if (grows || (g == p->current && g->n_workers > g->max_children))
                sample_count_idle(g, ret->idle_timeout, now, &ret->n_idle, &ret->n_idle_long);
        if (grows) /* after those that may take them: one taken in between is an idle worker too many, not a connection
                    */
                ret->waiting = backlog_count(g);
        if (ret->waiting > 0)
                ret->taken = sample_count_taken(p);
}

/* Behind the workers that have registered since. A connection that waits by then is an event of its own. */
static void resize_watch(struct generation *g) {
        int r;

        if (!g->backlog.stale || g != g->pool->current || g->conf->pm == CONF_PM_STATIC)
                return;
        r = backlog_watch(g);
        g->backlog.stale = r < 0;
        if (r < 0)
                log_error("[pool %s] cannot watch for waiting connections, and looks once a second: %s", g->pool->name,
                          strerror(-r));
}

/* Orders to fork so many, as far as there is room. When it is to be called again. */
static usec_t resize_fill(struct generation *g, unsigned n, usec_t now) {
        unsigned room, granted, before;

        if (n == 0 || g->zygote.n_asked >= RESIZE_ASKED_MAX)
                return USEC_INFINITY;
        room = room_for_workers(g, n);
        room_tell(g, n, room);
        granted = MIN(n, room);
        before = g->zygote.n_asked;
        workers_order(g, MIN(granted, RESIZE_ASKED_MAX - before));
        news_growing(g, g->zygote.n_asked - before);
        if (room >= n)
                return USEC_INFINITY;
        workers_make_do(g, "RLIMIT_NOFILE of the master has no room for a worker (LimitNOFILE=, ulimit -Hn)");
        return now + SCALE_ROUND;
}

usec_t resize_generation(struct generation *g, usec_t now) {
        struct scale_input in;
        struct scale_plan plan;

        if (!g->zygote.ready || g->zygote.ipc < 0 || g->drain.begun || g->state == GENERATION_FAILED) {
                g->scale.claims = 0;
                return USEC_INFINITY;
        }
        resize_watch(g);
        resize_look(g, now, &in);
        scale_plan(&in, &plan);
        g->scale = plan.state;
        news_of_plan(g, &in, &plan);
        resize_thin(g, &plan, now);
        if (plan.is_try)
                g->pool->deaths.last_try = now;
        if (plan.is_over)
                g->pool->deaths.n_young = 0;
        plan.wake_at = MIN(plan.wake_at, resize_fill(g, plan.spawn, now));
        if ((plan.state.at_process_max || plan.state.at_budget) && g->state == GENERATION_STARTING &&
            g->n_accepting == g->n_workers)
                g->state = GENERATION_ACCEPTING; /* more than these it cannot have */
        return g->backlog.stale && g == g->pool->current ? MIN(plan.wake_at, now + USEC_PER_SEC) : plan.wake_at;
}
