/* SPDX-License-Identifier: MIT */
/*
 * What happens to a pool over time: deaths of workers, and the plan that follows. Callbacks translate an event into a
 * change of the picture; pool_supervise() then brings the world in line with scale_plan() and timeouts_plan(), whatever
 * the event was. What zygotes tell is in messages.c, what follows when they end in replace.c.
 */

#include "pool/supervise.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "base/program.h"
#include "conf/types.h"
#include "ipc/message.h"
#include "log/log.h"
#include "pool/backlog.h"
#include "pool/news.h"
#include "pool/overtime.h"
#include "pool/pool.h"
#include "pool/relay.h"
#include "pool/replace.h"
#include "pool/room.h"
#include "pool/scale.h"
#include "scoreboard/active.h"
#include "scoreboard/slot.h"
#include "untrusted/board.h"

/* Orders to fork that may be unanswered, so that the socket never fills while the zygote answers: neither side ever
 * waits for the other. */
#define SUPERVISE_ASKED_MAX 16U

/* How long a generation may take until its first workers accept. */
#define SUPERVISE_START_TIMEOUT (60 * USEC_PER_SEC)

void supervise_changed(struct pool *p) {
        pool_supervise(p);
        p->env->changed(p, p->env->userdata);
}

void supervise_answered(struct generation *g) {
        g->n_asked--;
        *g->pool->env->n_awaited -= room_of_worker(g->conf);
}

void supervise_release(struct pool *p, uint32_t slot) {
        struct pool_worker *w = &p->workers[slot];

        overtime_forget(p, w, "the process has ended");
        w->generation->n_workers--;
        if (w->state == WORKER_ASKED)
                supervise_answered(w->generation);
        if (w->state == WORKER_ACCEPTING)
                w->generation->n_accepting--;
        w->generation->n_leaving -= w->leaving;
        w->generation->n_ended -= w->ended > 0;
        (*p->env->n_workers)--;
        sd_event_source_disable_unref(w->exit_source);
        if (w->state != WORKER_ASKED)
                fd_close(w->pidfd);
        output_worker_ended(w->generation, w->pid);
        *w = (struct pool_worker){};
        slot_clear(&p->scoreboard->slots[slot]);
        active_leave(p->scoreboard, slot);
}

/* php-fpm's levels: a warning when something went wrong, a notice when a worker left by itself and is replaced, and
 * nothing of those that were told to end. */
static enum log_level supervise_exit_level(const struct pool_worker *w, bool bad) {
        if (bad)
                return LOG_LEVEL_WARNING;
        return w->leaving || w->old_log || w->generation->draining ? LOG_LEVEL_DEBUG : LOG_LEVEL_NOTICE;
}

static void supervise_log_exit(const struct pool *p, const struct pool_worker *w, int status, bool known, bool bad) {
        char message[256], how[PROCESS_EXIT_MAX];
        double age = (double)(time_now() - w->started) / (double)USEC_PER_SEC;

        if (w->leaving && !w->generation->draining && status == 0)
                snprintf(how, sizeof(how), "has been killed by the process management"); /* php-fpm's words, even if it
                                                                                            was only asked to go */
        else if (!known)
                snprintf(how, sizeof(how), "exited");
        else
                process_describe_exit(status, how);
        snprintf(message, sizeof(message), "child %d %s after %f seconds from start", w->pid, how, age);
        log_write(&(struct log_entry){ .level = supervise_exit_level(w, bad),
                                       .event = bad ? LOG_EVENT_WORKER_DIED : LOG_EVENT_NONE,
                                       .pool = p->name,
                                       .message = message,
                                       .worker_pid = (uint64_t)w->pid,
                                       .generation = w->generation->number });
}

/* A worker that has served several requests was no failure from the start, however short its life. Its slot is its own
 * word: a pool that lies is forked for more eagerly, and that is all. */
static bool supervise_is_young(const struct pool *p, uint32_t slot, usec_t now) {
        return now - p->workers[slot].started < SCALE_YOUNG && !untrusted_board_has_served(p->scoreboard, slot);
}

void pool_worker_exited(struct pool *p, uint32_t slot, int status, bool status_known) {
        struct pool_worker *w = &p->workers[slot];
        bool bad = status_known && status != 0 && !w->generation->draining;
        usec_t now = time_now();

        supervise_log_exit(p, w, status, status_known, bad);
        w->generation->n_to_replace += !w->leaving && !(w->old_log && !bad) && !w->generation->draining;
        if (bad)
                p->n_died++;
        if (bad && supervise_is_young(p, slot, now) && !w->patience.terminated_at) {
                p->n_young_dead++;
                p->last_death = now;
                if (p->n_young_dead == SCALE_YOUNG_FREE + 1)
                        log_write(&(struct log_entry){ .level = LOG_LEVEL_ERROR,
                                                       .event = LOG_EVENT_CRASH_LOOP,
                                                       .pool = p->name,
                                                       .message =
                                                               "workers die soon after their start, one after another; "
                                                               "replacements are being delayed" });
        } else if (now - w->started >= SCALE_YOUNG)
                p->n_young_dead = 0;
        if (bad && WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS))
                replace_count_crash(w->generation, now);
        if (bad && w->state == WORKER_STARTING && w->generation->state == GENERATION_STARTING)
                generation_fail(w->generation,
                                "a worker ended before it accepted its first connection; see the log above");
        relay_on_exit(w->generation);
        supervise_release(p, slot);
}

/* The lowest free slot. */
static bool supervise_find_slot(struct pool *p, uint32_t *ret) {
        for (uint32_t i = 0; i < SCOREBOARD_SLOTS; i++)
                if (i >= p->n_used || p->workers[i].state == WORKER_NONE) {
                        p->n_used = MAX(p->n_used, i + 1);
                        *ret = i;
                        return true;
                }
        return false;
}

static void supervise_spawn(struct generation *g, unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                struct ipc_message m = { .type = IPC_SPAWN };

                if (!supervise_find_slot(g->pool, &m.slot) || ipc_message_send_at_once(g->ipc, &m, NULL) < 0)
                        return; /* a zygote that cannot be told is about to be reaped */
                g->pool->workers[m.slot] = (struct pool_worker){ .state = WORKER_ASKED,
                                                                 .generation = g,
                                                                 .pidfd = -1,
                                                                 .started = time_now(),
                                                                 .number = ++g->pool->n_asked };
                g->n_workers++;
                g->n_asked++;
                *g->pool->env->n_awaited += room_of_worker(g->conf);
                (*g->pool->env->n_workers)++;
        }
}

void supervise_provide(struct generation *g) {
        if (g->ready && g->ipc >= 0 && g->n_workers == g->n_leaving)
                supervise_spawn(g, 1);
}

/* Idle workers that are not needed: the one that was forked last stands last in line for connections. One that has just
 * taken one serves it. */
static void supervise_thin(struct generation *g, const struct scale_plan *plan, usec_t now) {
        struct pool *p = g->pool;
        uint32_t slot;

        for (unsigned i = 0; i < plan->end && pool_last_idle(g, plan->end_idle_for, now, &slot); i++) {
                struct pool_worker *w = &p->workers[slot];

                w->leaving = true;
                w->told = now;
                g->n_leaving++;
                syscall(SYS_pidfd_send_signal, w->pidfd, SIGQUIT, NULL, 0);
        }
}

/* The second step of that order, for those that do not hear the first. */
static usec_t supervise_cut_leaving(struct generation *g, usec_t now) {
        struct pool *p = g->pool;
        usec_t at = USEC_INFINITY;

        for (uint32_t i = 0; i < p->n_used && g->n_leaving > 0; i++) {
                struct pool_worker *w = &p->workers[i];

                if (w->generation != g || !w->leaving || w->told == 0)
                        continue;
                if (timeouts_leave_is_over(w->told, untrusted_board_is_idle(p->scoreboard, i, 0, now), now, &at)) {
                        w->told = 0;
                        log_warning("[pool %s] child %d was told to end, idles on, and is killed", p->name, w->pid);
                        syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
                }
        }
        return at;
}

/* What the decision is made from. */
static void supervise_look(struct generation *g, usec_t now, struct scale_input *ret) {
        const struct pool *p = g->pool;
        const struct pool_env *env = p->env;
        bool grows = g == p->current && g->conf->pm != CONF_PM_STATIC;

        *ret = (struct scale_input){
                .pm = g->conf->pm,
                .max_children = g->conf->max_children,
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
                .n_young_dead = p->n_young_dead,
                .last_death = p->last_death,
                .last_try = p->last_try,
                .now = now,
                .state = g->scale,
        };
        for (const struct generation *other = p->generations; other; other = other->next)
                ret->n_others += other != g ? other->n_workers : 0;
        if (env->process_max > 0)
                ret->n_left = env->process_max > *env->n_workers ? env->process_max - *env->n_workers : 0;
        if (grows)
                pool_count_idle(g, ret->idle_timeout, now, &ret->n_idle, &ret->n_idle_long);
        if (grows) /* after those that may take them: one taken in between is an idle worker too many, not a connection
                    */
                ret->waiting = backlog_count(g);
        if (ret->waiting > 0)
                ret->taken = pool_count_taken(p);
}

/* Behind the workers that have registered since. What waits by then is an event of its own. */
static void supervise_watch(struct generation *g) {
        int r;

        if (!g->backlog_stale || g != g->pool->current || g->conf->pm == CONF_PM_STATIC)
                return;
        r = backlog_watch(g);
        g->backlog_stale = r < 0;
        if (r < 0)
                log_error("[pool %s] cannot watch for waiting connections, and looks once a second: %s", g->pool->name,
                          strerror(-r));
}

/* Less than it wants, the first workers of a generation are what there is. None is not enough: what runs goes on
 * instead. */
void supervise_make_do(struct generation *g, const char *why) {
        if (g->state != GENERATION_STARTING)
                return;
        if (g->n_workers == 0)
                generation_fail(g, why);
        else if (g->n_accepting >= (g->n_first = MIN(g->n_first, g->n_workers)))
                g->state = GENERATION_ACCEPTING;
}

/* Orders to fork so many, as far as there is room. When it is to be called again. */
static usec_t supervise_fill(struct generation *g, unsigned n, usec_t now) {
        unsigned room, granted, before;

        if (n == 0 || g->n_asked >= SUPERVISE_ASKED_MAX)
                return USEC_INFINITY;
        room = room_for_workers(g);
        room_tell(g, n, room);
        granted = MIN(n, room);
        before = g->n_asked;
        supervise_spawn(g, MIN(granted, SUPERVISE_ASKED_MAX - before));
        news_growing(g, g->n_asked - before);
        if (room >= n)
                return USEC_INFINITY;
        supervise_make_do(g, "RLIMIT_NOFILE of the master has no room for a worker (LimitNOFILE=, ulimit -Hn)");
        return now + SCALE_ROUND;
}

static usec_t supervise_scale(struct generation *g, usec_t now) {
        struct scale_input in;
        struct scale_plan plan;

        if (!g->ready || g->ipc < 0 || g->draining || g->state == GENERATION_FAILED)
                return USEC_INFINITY;
        supervise_watch(g);
        supervise_look(g, now, &in);
        scale_plan(&in, &plan);
        g->scale = plan.state;
        news_of_plan(g, &in, &plan);
        supervise_thin(g, &plan, now);
        if (plan.is_try)
                g->pool->last_try = now;
        if (plan.is_over)
                g->pool->n_young_dead = 0;
        plan.wake_at = MIN(plan.wake_at, supervise_fill(g, plan.spawn, now));
        if (plan.state.at_process_max && g->state == GENERATION_STARTING && g->n_accepting == g->n_workers)
                g->state = GENERATION_ACCEPTING; /* more than these it cannot have */
        return g->backlog_stale && g == g->pool->current ? MIN(plan.wake_at, now + USEC_PER_SEC) : plan.wake_at;
}

static void supervise_log_cut(const struct generation *g) {
        char message[160];

        snprintf(message, sizeof(message),
                 "process_control_timeout is over: %u workers of generation %u still had requests in hand, and are "
                 "ended",
                 g->n_workers, g->number);
        /* php-fpm says nothing of it */
        log_write(&(struct log_entry){ .level = program_is_php_fpm() ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_DRAIN_TIMEOUT,
                                       .pool = g->pool->name,
                                       .message = message,
                                       .generation = g->number });
}

static usec_t supervise_drain(struct generation *g, usec_t now) {
        struct timeouts_input in = { .step = g->drain_step,
                                     .since = g->drain_since,
                                     .control_timeout = g->pool->env->control_timeout,
                                     .now = now };
        struct timeouts_plan plan;

        if (!g->draining)
                return USEC_INFINITY;
        timeouts_plan(&in, &plan);
        if (plan.step == g->drain_step)
                return plan.wake_at;
        g->drain_step = plan.step;
        g->drain_since = now;
        if (plan.step == TIMEOUTS_TERMINATED) {
                supervise_log_cut(g);
                generation_end(g);
        } else {
                generation_signal(g, SIGKILL);
                if (g->zygote_pid > 0)
                        syscall(SYS_pidfd_send_signal, g->zygote_pidfd, SIGKILL, NULL, 0);
        }
        return plan.wake_at;
}

/* When the first answer that a zygote owes is overdue. Orders are answered one after the other, so each answer gives
 * the next one time; the end of a worker is told at once. */
static usec_t supervise_answer_due(const struct generation *g) {
        const struct pool *p = g->pool;
        usec_t since = g->n_tracing > 0 ? MAX(g->trace_since, g->heard) : USEC_INFINITY;

        for (uint32_t i = 0; i < p->n_used; i++) {
                const struct pool_worker *w = &p->workers[i];
                usec_t owed = w->state == WORKER_ASKED ? MAX(w->started, g->heard) : w->ended;

                if (w->generation == g && owed > 0)
                        since = MIN(since, owed);
        }
        return since == USEC_INFINITY ? since : since + TIMEOUTS_ANSWER;
}

/* A zygote that is stopped or hangs: nobody forks for its pool, and nobody waits for its workers. */
static usec_t supervise_answers(struct generation *g, usec_t now) {
        usec_t due;

        if (g->zygote_pid == 0 || g->given_up || g->n_asked + g->n_tracing + g->n_ended == 0)
                return USEC_INFINITY;
        due = supervise_answer_due(g);
        if (now < due)
                return due;
        g->given_up = true;
        log_error("[pool %s] zygote %d has not answered for %llu seconds (%u orders to fork, %u workers that have "
                  "ended); "
                  "ending it",
                  g->pool->name, g->zygote_pid, (unsigned long long)((now - due + TIMEOUTS_ANSWER) / USEC_PER_SEC),
                  g->n_asked, g->n_ended);
        syscall(SYS_pidfd_send_signal, g->zygote_pidfd, SIGKILL, NULL, 0);
        return USEC_INFINITY;
}

static usec_t supervise_start_limit(struct generation *g, usec_t now) {
        if (g->state != GENERATION_STARTING)
                return USEC_INFINITY;
        if (now < g->started + SUPERVISE_START_TIMEOUT)
                return g->started + SUPERVISE_START_TIMEOUT;
        generation_fail(g, "its first workers did not accept within 60 seconds");
        return now; /* whoever waits for it looks again */
}

static void supervise_forget_gone(struct pool *p) {
        for (struct generation **link = &p->generations; *link;) {
                struct generation *g = *link;

                if (!generation_is_gone(g) || g == p->current || g == p->starting || g == p->wanted) {
                        link = &g->next;
                        continue;
                }
                *link = g->next;
                log_debug("[pool %s] generation %u is gone", p->name, g->number);
                generation_free(g);
        }
}

/* What readers of the scoreboard see of the master's numbers. */
static void supervise_publish(struct pool *p) {
        struct scoreboard_header *h = &p->scoreboard->header;
        const struct generation *g = pool_settings(p);

        slot_seq_begin(&h->seq);
        h->n_used = p->n_used;
        h->reloads = p->n_reloads;
        h->workers_died = p->n_died;
        h->max_children_reached = p->n_max_reached;
        h->max_listen_queue = p->max_queue;
        h->failed_starts = p->n_failed_starts;
        if (g) {
                h->generation = g->number;
                h->max_children = g->conf->max_children;
                snprintf(h->pm, sizeof(h->pm), "%s", conf_type_pm_name(g->conf->pm));
        }
        slot_seq_end(&h->seq);
}

static int supervise_on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        supervise_changed(userdata);
        return 0;
}

static void supervise_arm(struct pool *p, usec_t at) {
        int r;

        if (!p->timer) {
                r = sd_event_add_time(p->env->event, &p->timer, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_MSEC,
                                      supervise_on_timer, p);
                if (r >= 0)
                        sd_event_source_set_description(p->timer, "pool-timer");
        } else
                r = 0;
        if (r >= 0)
                r = sd_event_source_set_time(p->timer, at);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->timer, at == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("[pool %s] cannot set a timer: %s", p->name, strerror(-r));
}

void pool_supervise(struct pool *p) {
        usec_t at = replace_zygote(p, time_now()), now = time_now(); /* a promotion above has begun drains */

        at = MIN(at, parks_supervise(p, now));
        for (struct generation *g = p->generations; g; g = g->next) {
                at = MIN(at, supervise_start_limit(g, now));
                at = MIN(at, supervise_scale(g, now));
                at = MIN(at, supervise_cut_leaving(g, now));
                at = MIN(at, supervise_drain(g, now));
                at = MIN(at, supervise_answers(g, now));
                at = MIN(at, output_supervise(g, now));
        }
        supervise_forget_gone(p);
        supervise_publish(p);
        supervise_arm(p, at);
        overtime_arm(p);
}
