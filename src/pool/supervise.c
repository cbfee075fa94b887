/* SPDX-License-Identifier: MIT */
/*
 * What happens to a pool over time: deaths, and the plan that follows. Callbacks translate an event into a change of the picture;
 * pool_supervise() then brings the world in line with scale_plan() and timeouts_plan(), whatever the event was. What zygotes tell is in messages.c.
 */

#include "pool/supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/message.h"
#include "log/log.h"
#include "pool/pool.h"
#include "pool/scale.h"
#include "scoreboard/slot.h"

/* Orders to fork that may be unanswered, so that the socket never fills while the zygote answers: neither side ever waits for the other. */
#define SUPERVISE_ASKED_MAX 16U

/* How long a generation may take until its first workers accept. */
#define SUPERVISE_START_TIMEOUT (60 * USEC_PER_SEC)

void supervise_changed(struct pool *p) {
        pool_supervise(p);
        p->env->changed(p, p->env->userdata);
}

void supervise_release(struct pool *p, uint32_t slot) {
        struct pool_worker *w = &p->workers[slot];

        w->generation->n_workers--;
        if (w->state == WORKER_ASKED)
                w->generation->n_asked--;
        if (w->state == WORKER_ACCEPTING)
                w->generation->n_accepting--;
        sd_event_source_disable_unref(w->exit_source);
        if (w->state != WORKER_ASKED)
                fd_close(w->pidfd);
        pool_output_free(w->output);
        *w = (struct pool_worker){};
        slot_clear(&p->scoreboard->slots[slot]);
}

/* A worker whose zygote is gone: the master is its subreaper. */
static int supervise_on_orphan_exit(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        struct pool *p = g->pool;

        for (uint32_t i = 0; i < p->n_used; i++) {
                struct pool_worker *w = &p->workers[i];
                siginfo_t info = {};
                bool known;
                int status;

                if (w->generation != g || w->state <= WORKER_ASKED || w->pidfd != fd)
                        continue;
                known = waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == w->pid;
                status = info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status & 0x7f;
                fd_ring(p->doorbell);
                pool_worker_exited(p, i, status, known);
                break;
        }
        supervise_changed(p);
        return 0;
}

static void supervise_adopt_workers(struct generation *g) {
        struct pool *p = g->pool;

        for (uint32_t i = 0; i < p->n_used; i++) {
                struct pool_worker *w = &p->workers[i];
                int r;

                if (w->state == WORKER_NONE || w->generation != g)
                        continue;
                if (w->state == WORKER_ASKED) {
                        supervise_release(p, i);
                        continue;
                }
                r = sd_event_add_io(p->env->event, &w->exit_source, w->pidfd, EPOLLIN, supervise_on_orphan_exit, g);
                if (r < 0)
                        log_error("[pool %s] cannot watch child %d: %s", p->name, w->pid, strerror(-r));
                else
                        sd_event_source_set_description(w->exit_source, "orphan-exit");
        }
}

static void supervise_log_zygote_death(const struct generation *g, int status) {
        char message[256];

        if (WIFSIGNALED(status))
                snprintf(message, sizeof(message), "zygote %d (generation %u) exited on signal %d (SIG%s)%s", g->zygote_pid,
                         g->number, WTERMSIG(status), sigabbrev_np(WTERMSIG(status)) ?: "?",
                         g->state == GENERATION_ACCEPTING ? "; its workers serve until a fresh one has taken over" : "");
        else
                snprintf(message, sizeof(message), "zygote %d (generation %u) exited with code %d", g->zygote_pid, g->number,
                         WEXITSTATUS(status));
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_ZYGOTE_DIED,
                                       .pool = g->pool->name,
                                       .message = message,
                                       .generation = g->number });
}

int supervise_on_zygote_exit(sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        struct pool *p = g->pool;
        int status = 0;

        if (waitpid(g->zygote_pid, &status, WNOHANG) != g->zygote_pid)
                return 0;
        g->zygote_source = sd_event_source_disable_unref(s);
        g->ipc_source = sd_event_source_disable_unref(g->ipc_source);
        g->ipc = fd_close(g->ipc);
        if (!g->draining)
                supervise_log_zygote_death(g, status);
        if (g == p->starting && g->state == GENERATION_ACCEPTING)
                g->state = GENERATION_STARTING; /* not in charge yet: this is a failed start */
        generation_fail(g, "the zygote ended while it was starting; see the log above");
        if (g->state == GENERATION_ACCEPTING)
                g->state = GENERATION_ENDING;
        g->zygote_pid = 0;
        supervise_adopt_workers(g);
        supervise_changed(p);
        return 0;
}

static void supervise_log_exit(const struct pool *p, const struct pool_worker *w, int status, bool known, bool bad) {
        char message[256], how[96];
        double age = (double)(time_now() - w->started) / (double)USEC_PER_SEC;

        if (!known)
                snprintf(how, sizeof(how), "exited");
        else if (WIFSIGNALED(status))
                snprintf(how, sizeof(how), "exited on signal %d (SIG%s%s)", WTERMSIG(status),
                         sigabbrev_np(WTERMSIG(status)) ?: "?", WCOREDUMP(status) ? " - core dumped" : "");
        else
                snprintf(how, sizeof(how), "exited with code %d", WEXITSTATUS(status));
        snprintf(message, sizeof(message), "child %d %s after %f seconds from start", w->pid, how, age);
        log_write(&(struct log_entry){ .level = bad ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG,
                                       .event = bad ? LOG_EVENT_WORKER_DIED : LOG_EVENT_NONE,
                                       .pool = p->name,
                                       .message = message,
                                       .worker_pid = (uint64_t)w->pid,
                                       .generation = w->generation->number });
}

/* A worker that has served several requests was no failure from the start, however short its life. Its slot is its own word: a pool that lies is
 * forked for more eagerly, and that is all. */
static bool supervise_is_young(const struct pool *p, uint32_t slot, usec_t now) {
        return now - p->workers[slot].started < SCALE_YOUNG && p->scoreboard->slots[slot].request_id <= 1;
}

void pool_worker_exited(struct pool *p, uint32_t slot, int status, bool status_known) {
        struct pool_worker *w = &p->workers[slot];
        bool bad = status_known && status != 0 && !w->generation->draining;
        usec_t now = time_now();

        supervise_log_exit(p, w, status, status_known, bad);
        if (bad)
                p->n_died++;
        if (bad && supervise_is_young(p, slot, now)) {
                p->n_young_dead++;
                p->last_death = now;
                if (p->n_young_dead == SCALE_YOUNG_FREE + 1)
                        log_write(&(struct log_entry){ .level = LOG_LEVEL_ERROR,
                                                       .event = LOG_EVENT_CRASH_LOOP,
                                                       .pool = p->name,
                                                       .message = "workers die soon after their start, one after another; "
                                                                  "replacements are being delayed" });
        } else if (now - w->started >= SCALE_YOUNG)
                p->n_young_dead = 0;
        if (bad && w->state == WORKER_STARTING && w->generation->state == GENERATION_STARTING)
                generation_fail(w->generation, "a worker ended before it accepted its first connection; see the log above");
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

                if (!supervise_find_slot(g->pool, &m.slot) || ipc_send(g->ipc, &m, NULL) < 0)
                        return; /* a zygote that cannot be told is about to be reaped */
                g->pool->workers[m.slot] = (struct pool_worker){ .state = WORKER_ASKED, .generation = g, .pidfd = -1 };
                g->n_workers++;
                g->n_asked++;
        }
}

static usec_t supervise_scale(struct generation *g, usec_t now) {
        struct pool *p = g->pool;
        struct scale_input in = {
                .max_children = g->conf->max_children,
                .n_workers = g->n_workers,
                .n_young_dead = p->n_young_dead,
                .last_death = p->last_death,
                .last_try = p->last_try,
                .now = now,
        };
        struct scale_plan plan;

        if (!g->ready || g->ipc < 0 || g->draining || g->state == GENERATION_FAILED)
                return USEC_INFINITY;
        for (const struct generation *other = p->generations; other; other = other->next)
                in.n_others += other != g ? other->n_workers : 0;
        if (g != p->current && p->current)
                in.max_children = MIN(in.max_children, in.n_others + g->n_first); /* no more than what starts it, until it takes over */
        scale_plan(&in, &plan);
        if (plan.is_try)
                p->last_try = now;
        if (plan.is_over)
                p->n_young_dead = 0;
        if (g->n_asked < SUPERVISE_ASKED_MAX)
                supervise_spawn(g, MIN(plan.spawn, SUPERVISE_ASKED_MAX - g->n_asked));
        return plan.wake_at;
}

static void supervise_log_cut(const struct generation *g) {
        char message[160];

        snprintf(message, sizeof(message),
                 "process_control_timeout is over: %u workers of generation %u still had requests in hand, and are ended",
                 g->n_workers, g->number);
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
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

static usec_t supervise_start_limit(struct generation *g, usec_t now) {
        if (g->state != GENERATION_STARTING)
                return USEC_INFINITY;
        if (now < g->started + SUPERVISE_START_TIMEOUT)
                return g->started + SUPERVISE_START_TIMEOUT;
        generation_fail(g, "its first workers did not accept within 60 seconds");
        return now; /* whoever waits for it looks again */
}

/* The current generation's zygote has died: a fresh one is started, and takes over when it accepts. */
static usec_t supervise_replace(struct pool *p, usec_t now) {
        struct generation *g = p->starting, *failed = g;
        int r;

        if (g && p->starting_is_replacement) {
                if (g->state == GENERATION_ACCEPTING) {
                        log_notice("[pool %s] generation %u has taken over", p->name, g->number);
                        pool_promote(p);
                        return USEC_INFINITY;
                }
                if (g->state != GENERATION_FAILED)
                        return USEC_INFINITY;
                log_error("[pool %s] a fresh zygote does not start: %s", p->name, g->reason ?: "out of memory");
                p->n_failed_starts++;
                p->last_death = now;
                p->starting = g = NULL;
                generation_end(failed);
        }
        if (g || !p->current || p->current->zygote_pid > 0 || p->stopping)
                return USEC_INFINITY;
        if (p->n_failed_starts > 0) {
                usec_t due = p->last_death + scale_delay(SCALE_YOUNG_FREE + p->n_failed_starts);

                if (now < due)
                        return due;
        }
        r = pool_start_replacement(p);
        if (r < 0) {
                log_error("[pool %s] cannot start a fresh zygote: %s", p->name, strerror(-r));
                p->n_failed_starts++;
                p->last_death = now;
                return now + scale_delay(SCALE_YOUNG_FREE + p->n_failed_starts);
        }
        return USEC_INFINITY;
}

static void supervise_forget_gone(struct pool *p) {
        for (struct generation **link = &p->generations; *link;) {
                struct generation *g = *link;

                if (!generation_is_gone(g) || g == p->current || g == p->starting) {
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
        const struct generation *g = p->current ? p->current : p->starting;

        seq_begin(&h->seq);
        h->n_used = p->n_used;
        h->reloads = p->n_reloads;
        h->workers_died = p->n_died;
        if (g) {
                h->generation = g->number;
                h->max_children = g->conf->max_children;
                snprintf(h->pm, sizeof(h->pm), "static");
        }
        seq_end(&h->seq);
}

static int supervise_on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        supervise_changed(userdata);
        return 0;
}

static void supervise_arm(struct pool *p, usec_t at) {
        int r;

        if (!p->timer) {
                r = sd_event_add_time(p->env->event, &p->timer, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_MSEC, supervise_on_timer, p);
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
        usec_t at = supervise_replace(p, time_now()), now = time_now(); /* a promotion above has begun drains */

        for (struct generation *g = p->generations; g; g = g->next) {
                at = MIN(at, supervise_start_limit(g, now));
                at = MIN(at, supervise_scale(g, now));
                at = MIN(at, supervise_drain(g, now));
        }
        supervise_forget_gone(p);
        supervise_publish(p);
        supervise_arm(p, at);
}
