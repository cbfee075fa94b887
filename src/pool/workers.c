/* SPDX-License-Identifier: MIT */
/* The table of a pool's workers: a slot is given with the order to fork, and given back when the process has ended. */

#include "pool/workers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/process.h"
#include "base/program.h"
#include "ipc/message.h"
#include "log/log.h"
#include "pool/generation.h"
#include "pool/memory.h"
#include "pool/output.h"
#include "pool/relay.h"
#include "pool/room.h"
#include "pool/slowlog.h"
#include "pool/trace.h"
#include "scoreboard/active.h"
#include "scoreboard/read.h"
#include "scoreboard/slot.h"
#include "untrusted/board.h"

void workers_answered(struct generation *g) {
        g->zygote.n_asked--;
        *g->pool->env->n_awaited -= room_of_worker(g->conf);
}

void workers_release(struct pool *p, uint32_t slot) {
        struct pool_worker *w = &p->workers[slot];

        trace_forget(w, "the process has ended");
        w->generation->n_workers--;
        if (w->state == WORKER_ASKED)
                workers_answered(w->generation);
        if (w->state == WORKER_ACCEPTING)
                w->generation->n_accepting--;
        w->generation->n_leaving -= w->leaving;
        w->generation->zygote.n_ended -= w->ended > 0;
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
static enum log_level workers_exit_level(const struct pool_worker *w, bool bad) {
        if (bad)
                return LOG_LEVEL_WARNING;
        return w->leaving || w->old_log || w->generation->drain.begun || conf_model_forks(w->generation->conf)
                       ? LOG_LEVEL_DEBUG
                       : LOG_LEVEL_NOTICE;
}

static void workers_log_exit(const struct pool_worker *w, int status, bool known, bool bad) {
        char message[256], how[PROCESS_EXIT_MAX];
        double age = (double)(time_now() - w->started) / (double)USEC_PER_SEC;

        if (w->leaving && !w->generation->drain.begun && status == 0)
                snprintf(how, sizeof(how), "has been killed by the process management"); /* php-fpm's words, even if it
                                                                                            was only asked to go */
        else if (!known)
                snprintf(how, sizeof(how), "exited");
        else
                process_describe_exit(status, how);
        snprintf(message, sizeof(message), "child %d %s after %f seconds from start", w->pid, how, age);
        log_write(&(struct log_entry){ .level = workers_exit_level(w, bad),
                                       .event = bad ? LOG_EVENT_WORKER_DIED : LOG_EVENT_NONE,
                                       .pool = w->generation->pool->name,
                                       .message = message,
                                       .worker_pid = (uint64_t)w->pid,
                                       .generation = w->generation->number });
}

static bool workers_left_untold(const struct pool_worker *w) {
        return !w->leaving && !w->old_log && !w->generation->drain.begun;
}

/* It left before its time, and nobody has told it to. */
static bool workers_left_early(const struct pool *p, uint32_t slot) {
        return workers_left_untold(&p->workers[slot]) && !untrusted_board_has_begun(p->scoreboard, slot);
}

/* It has served until its time was over, so its pool can: those that die are not one after another. */
static bool workers_left_well(const struct pool *p, uint32_t slot, bool bad, bool status_known) {
        return !bad && status_known && workers_left_untold(&p->workers[slot]) &&
               untrusted_board_has_begun(p->scoreboard, slot);
}

/* A worker that has served several requests was no failure from the start, however short its life; one that leaves in
 * good order has begun one at least. Its slot is its own word: a pool that lies is forked for more eagerly, and that is
 * all. */
static bool workers_is_young_death(const struct pool *p, uint32_t slot, bool bad, usec_t now) {
        const struct pool_worker *w = &p->workers[slot];

        if (now - w->started >= SCALE_YOUNG || w->timelimit.terminated_at)
                return false;
        return bad ? !untrusted_board_has_served(p->scoreboard, slot) : workers_left_early(p, slot);
}

static void workers_count_crash(const struct generation *g, usec_t now) {
        const struct conf_global *conf = &g->settings->global;
        char message[128];
        struct pool *p = g->pool;

        if (g != p->current || p->starting ||
            !crashes_add(&p->deaths.crashes, conf->emergency_restart_threshold, conf->emergency_restart_interval, now))
                return;
        p->renew = true;
        snprintf(message, sizeof(message), "failed processes threshold (%u in %llu sec) is reached, initiating reload",
                 conf->emergency_restart_threshold,
                 (unsigned long long)(conf->emergency_restart_interval / USEC_PER_SEC));
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .pool = program_is_php_fpm() ? NULL : p->name, /* php-fpm's line has none */
                                       .message = message });
}

static bool workers_is_oom(const struct pool *p, const struct pool_worker *w, int status) {
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !w->killed && !w->timelimit.killed &&
               memory_claim_kill(p->env->kills);
}

/* What it was doing is its slot's word. One that was out of its time has been told of by then. */
static void workers_say_request(const struct pool *p, uint32_t slot, bool oom) {
        const struct pool_worker *w = &p->workers[slot];
        struct scoreboard_slot s;

        (void)scoreboard_read_slot_at_once(p->scoreboard, slot, &s); /* one that is torn has its URI nevertheless */
        if (oom)
                slowlog_say_oom(w, &s);
        else if (!w->timelimit.terminated_at)
                slowlog_say_died(w, &s);
}

static void workers_count_death(struct pool *p, uint32_t slot, int status) {
        bool oom = workers_is_oom(p, &p->workers[slot], status);

        p->deaths.n++;
        p->deaths.n_oom += oom;
        workers_say_request(p, slot, oom);
}

void workers_exited(struct pool *p, uint32_t slot, int status, bool status_known) {
        struct pool_worker *w = &p->workers[slot];
        bool bad = status_known && status != 0 && !w->generation->drain.begun;
        usec_t now = time_now();

        workers_log_exit(w, status, status_known, bad);
        w->generation->n_to_replace += !w->leaving && !(w->old_log && !bad) && !w->generation->drain.begun;
        if (bad)
                workers_count_death(p, slot, status);
        if (workers_is_young_death(p, slot, bad, now)) {
                p->deaths.n_young++;
                p->deaths.last = now;
                if (p->deaths.n_young == SCALE_YOUNG_FREE + 1)
                        log_write(&(struct log_entry){ .level = LOG_LEVEL_ERROR,
                                                       .event = LOG_EVENT_CRASH_LOOP,
                                                       .pool = p->name,
                                                       .message =
                                                               "workers die soon after their start, one after another; "
                                                               "replacements are being delayed" });
        } else if (now - w->started >= SCALE_YOUNG || workers_left_well(p, slot, bad, status_known))
                p->deaths.n_young = 0;
        if (bad && WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS))
                workers_count_crash(w->generation, now);
        if (bad && w->state == WORKER_STARTING && w->generation->state == GENERATION_STARTING)
                generation_fail(w->generation,
                                "a worker ended before it accepted its first connection; see the log above");
        relay_on_exit(w->generation);
        workers_release(p, slot);
}

/* The lowest free slot. */
static bool workers_find_slot(struct pool *p, uint32_t *ret) {
        for (uint32_t i = 0; i < SCOREBOARD_SLOTS; i++)
                if (i >= p->n_used || p->workers[i].state == WORKER_NONE) {
                        p->n_used = MAX(p->n_used, i + 1);
                        *ret = i;
                        return true;
                }
        return false;
}

void workers_order(struct generation *g, unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                struct ipc_message m = { .type = IPC_SPAWN };

                if (!workers_find_slot(g->pool, &m.slot) || ipc_message_send_at_once(g->zygote.ipc, &m, NULL) < 0)
                        return; /* a zygote that cannot be told is about to be reaped */
                g->pool->workers[m.slot] = (struct pool_worker){ .state = WORKER_ASKED,
                                                                 .generation = g,
                                                                 .pidfd = -1,
                                                                 .started = time_now(),
                                                                 .number = ++g->pool->n_asked };
                g->n_workers++;
                g->zygote.n_asked++;
                *g->pool->env->n_awaited += room_of_worker(g->conf);
                (*g->pool->env->n_workers)++;
        }
}

void workers_provide(struct generation *g) {
        if (g->zygote.ready && g->zygote.ipc >= 0 && g->n_workers == g->n_leaving)
                workers_order(g, 1);
}

/* Less than it wants, the first workers of a generation are what there is. None is not enough: the generation that runs
 * goes on instead. */
void workers_make_do(struct generation *g, const char *why) {
        if (g->state != GENERATION_STARTING)
                return;
        if (g->n_workers == 0)
                generation_fail(g, why);
        else if (g->n_accepting >= (g->n_first = MIN(g->n_first, g->n_workers)))
                g->state = GENERATION_ACCEPTING;
}
