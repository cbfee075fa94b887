/* SPDX-License-Identifier: MIT */
/* A pool and its generations; see pool.h. Events over time are in supervise.c, one generation's processes in
 * generation.c. */

#include "pool/pool.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "base/program.h"
#include "base/text.h"
#include "conf/load.h"
#include "conf/pack.h"
#include "log/log.h"
#include "pool/budget.h"
#include "pool/cut.h"
#include "pool/generation.h"
#include "pool/last.h"
#include "pool/losses.h"
#include "pool/news.h"
#include "pool/output.h"
#include "pool/parking.h"
#include "pool/parks.h"
#include "pool/renewal.h"
#include "pool/replace.h"
#include "pool/sample.h"
#include "pool/start.h"
#include "pool/supervise.h"
#include "pool/wake.h"
#include "pool/workers.h"
#include "scoreboard/scoreboard.h"
#include "scoreboard/slot.h"
#include "untrusted/board.h"

#define POOL_WORKERS_SIZE (SCOREBOARD_SLOTS * sizeof(struct pool_worker))

/* No child of the master's has a use for a pool's mappings, and with thousands of pools they are what makes fork(2)
 * take long: so they are not copied. */
static int pool_init_scoreboard(struct pool *p) {
        struct scoreboard_header *h;
        int r;

        p->scoreboard_fd = scoreboard_create(p->name);
        if (p->scoreboard_fd < 0)
                return p->scoreboard_fd;
        r = scoreboard_map(p->scoreboard_fd, &p->scoreboard);
        if (r < 0)
                return r;
        (void)madvise(p->scoreboard, sizeof(*p->scoreboard), MADV_DONTFORK);
        h = &p->scoreboard->header;
        slot_seq_begin(&h->seq);
        h->start_wall = time_wall();
        h->start_mono = time_now();
        slot_seq_end(&h->seq);
        return 0;
}

int pool_new(const struct pool_env *env, const char *name, struct pool **ret) {
        _cleanup_(pool_freep) struct pool *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->env = env;
        p->supervise = supervise_pool;
        p->scoreboard_fd = p->doorbell = -1;
        p->health.weight = 100;
        parks_init(&p->parks);
        p->name = strdup(name);
        if (!p->name)
                return -ENOMEM;

        p->workers = mmap(NULL, POOL_WORKERS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p->workers == MAP_FAILED) {
                p->workers = NULL;
                return -ENOMEM;
        }
        (void)madvise(p->workers, POOL_WORKERS_SIZE, MADV_DONTFORK);
        p->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (p->doorbell < 0)
                return -errno;
        queuewait_begin(&p->queue.wait, time_now());
        r = pool_init_scoreboard(p);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(p);
        return 0;
}

void pool_free(struct pool *p) {
        if (!p)
                return;
        wake_forget(p);
        budget_claim(p->env->budget, &p->claim, 0);
        sd_event_source_disable_unref(p->last.offered);
        generation_free(p->prepared);
        generation_free(p->renewal.settings);
        generation_free(p->renewal.before);
        sd_event_source_unref(p->timer);
        sd_event_source_disable_unref(p->doorbell_source);
        parks_done(&p->parks);
        sd_event_source_unref(p->requests.timer);
        while (p->generations) {
                struct generation *g = p->generations;

                p->generations = g->next;
                generation_free(g);
        }
        for (uint32_t i = 0; i < p->n_used; i++) {
                fd_close(p->workers[i].state == WORKER_NONE ? -1 : p->workers[i].pidfd);
                sd_event_source_unref(p->workers[i].exit_source);
                free(p->workers[i].trace);
        }
        if (p->scoreboard && p->workers)
                losses_look(p, true);
        if (p->workers)
                munmap(p->workers, POOL_WORKERS_SIZE);
        if (p->scoreboard)
                scoreboard_unmap(p->scoreboard);
        fd_close(p->scoreboard_fd);
        fd_close(p->doorbell);
        free(p->starts.problem);
        free(p->name);
        free(p);
}

/* It sleeps, or is new and needs no worker yet; and may go on so. */
static bool pool_stays_asleep(const struct pool *p, const struct conf_pool *settings) {
        bool needs_none = p->current ? p->current->asleep : settings->pm == CONF_PM_ONDEMAND;

        return settings->sleep_after > 0 && needs_none && p->first == POOL_FIRST_AS_NEEDED;
}

/* p->prepared: what wakes it meanwhile has the settings that hold. */
static int pool_prepare(struct pool *p, const struct start_settings *settings) {
        generation_free(TAKE_PTR(p->prepared));
        return start_prepare(p, settings, &p->prepared);
}

/* ret borrows what is packed, which is the caller's to free. */
static int pool_pack(const struct conf *conf, const struct conf_pool *settings, const struct pool_listeners *listeners,
                     char **ret_packed, struct start_settings *ret) {
        int r;

        *ret = (struct start_settings){ .listeners = *listeners };
        r = conf_pack_pool(conf, settings, ret_packed, &ret->n_packed);
        ret->packed = *ret_packed;
        return r;
}

int pool_try_generation(struct pool *p, const struct conf *conf, const struct conf_pool *settings,
                        const struct pool_listeners *listeners) {
        _cleanup_free_ char *packed = NULL;
        struct start_settings start;
        int r;

        r = pool_pack(conf, settings, listeners, &packed, &start);
        return r < 0 ? r : renewal_prepare(p, &start);
}

int pool_start_generation(struct pool *p, const struct conf *conf, const struct conf_pool *settings,
                          const struct pool_listeners *listeners) {
        _cleanup_free_ char *packed = NULL;
        struct start_settings start;
        int r;

        r = pool_pack(conf, settings, listeners, &packed, &start);
        if (r < 0)
                return r;
        if (pool_stays_asleep(p, settings))
                return pool_prepare(p, &start);
        if (p->starting) /* one more try with settings that did not start, or to wake up: the next one would be due */
                generation_give_up(TAKE_PTR(p->starting), time_now());
        r = start_generation(p, &start, false);
        if (r == 0)
                p->starting->trial = p->first == POOL_FIRST_TRIAL;
        p->first = POOL_FIRST_AS_NEEDED;
        return r;
}

const char *pool_remarks(const struct pool *p) {
        return p->current && p->current->php.remarks ? p->current->php.remarks : "";
}

const char *pool_next_remarks(const struct pool *p) {
        const struct generation *g = renewal_is_tried(p) ? p->renewal.settings : p->starting;

        return g && g->php.remarks ? g->php.remarks : "";
}

bool pool_is_ready(const struct pool *p) {
        if (renewal_is_tried(p))
                return p->renewal.state == RENEWAL_TRIED && p->renewal.settings->state != GENERATION_FAILED;
        return p->prepared ||
               (p->starting && !p->starting_is_replacement && p->starting->state == GENERATION_ACCEPTING);
}

const char *pool_failure(const struct pool *p) {
        const struct generation *g = renewal_is_tried(p) ? p->renewal.settings : p->starting;

        if (p->prepared)
                return NULL;
        if (g && g->state != GENERATION_FAILED && g->state != GENERATION_ENDING)
                return NULL;
        return g && g->reason ? g->reason : "the zygote is gone";
}

void pool_put_off(struct pool *p) {
        struct generation *g = TAKE_PTR(p->starting);

        replace_note_failure(p, g->reason, time_now());
        p->wanted = g;
        if (g->conf->sleep_after > 0 && g->conf->pm == CONF_PM_ONDEMAND) {
                const struct start_settings settings = { g->packed, g->n_packed, g->listeners };
                int r = start_asleep(p, &settings);

                if (r < 0)
                        log_error("[pool %s] cannot sleep: %s", p->name, strerror(-r));
        }
        generation_give_up(g, time_now());
        supervise_pool(p);
}

void pool_promote(struct pool *p) {
        bool first = !p->current;

        if (p->prepared) {
                start_lay_down(p, TAKE_PTR(p->prepared));
                start_forget_failures(p);
                p->n_reloads += !first;
        } else
                start_promote(p);
        supervise_pool(p);
        sample_limits(p); /* its listeners may be others than before */
}

void pool_abandon(struct pool *p) {
        if (p->prepared)
                generation_free(TAKE_PTR(p->prepared));
        else if (renewal_is_tried(p))
                renewal_drop(p);
        else if (p->starting)
                generation_give_up(TAKE_PTR(p->starting), time_now());
        supervise_pool(p);
}

bool pool_accepts(const struct pool *p) {
        for (const struct generation *g = p->generations; g; g = g->next)
                if (!g->drain.begun && (g->n_workers > 0 || (g->zygote.ready && g->zygote.pid > 0)))
                        return true;
        return false;
}

void pool_leave_listeners(struct pool *p) {
        struct scoreboard_header *h = &p->scoreboard->header;

        h->stopping = 1; /* before anything that workers take for a drain: they look here what it is for */
        atomic_thread_fence(memory_order_release);
        h->generation = p->last_generation + 2; /* older than that is who has not seen the hang-up yet, and one that is
                                                   still to be started for the last requests */
}

void pool_stop(struct pool *p, bool at_once) {
        usec_t now = time_now();

        if (!at_once && !p->stopping)
                last_begin(p, now);
        if (at_once)
                last_end(p);
        p->stopping = true;
        lookout_end(&p->env->wakes->lookout, p); /* before its sockets are closed of which others have copies */
        generation_free(TAKE_PTR(p->prepared));
        start_forget_renewal(p);
        p->current = p->wanted = NULL;
        pool_leave_listeners(p);
        parks_stop(p, at_once, now);
        for (struct generation *g = p->generations; g; g = g->next)
                if (at_once || (!g->zygote.ready && g != p->starting)) /* nobody is served there yet */
                        generation_end(g);
                else if (g != p->starting || g->zygote.ready) {
                        news_of_drain(g);
                        generation_drain(g, now);
                }
        supervise_pool(p);
}

/* php-fpm's workers have no log of their own, but for the access log. */
static void pool_note_old_logs(const struct generation *g) {
        for (uint32_t i = 0; i < g->pool->n_used; i++)
                if (g->pool->workers[i].generation == g)
                        g->pool->workers[i].old_log = program_is_php_fpm() && !g->conf->access_log;
}

void pool_renew_log(struct pool *p) {
        for (struct generation *g = p->generations; g; g = g->next) {
                int r = g->drain.begun || g->zygote.ipc < 0 ? 0 : generation_renew(g);

                output_renew_log(g);
                pool_note_old_logs(g);
                if (r < 0)
                        log_error("[pool %s] workers keep the old log file: %s", p->name, strerror(-r));
        }
        parks_renew_log(p);
}

bool pool_is_gone(const struct pool *p) {
        return !p->generations && !p->parks.processes;
}

/* Of a pool that sleeps: it goes, or comes to wake it, and has no client in either case. Among many pools there always
 * is one of them. */
static bool pool_is_passing(const struct generation *g) {
        const struct pool *p = g->pool;

        return p->current && p->current->asleep && g->n_workers == 0 &&
               (g->drain.begun || (g == p->starting && p->starting_is_replacement));
}

/* What has failed is tried again: that may take any time, and a reload takes its place. */
static bool pool_is_retry(const struct generation *g) {
        const struct pool *p = g->pool;

        return g == p->starting && p->starting_is_replacement && p->starts.n_failed > 0;
}

bool pool_is_settled(const struct pool *p) {
        if (p->wanted)
                return true; /* with settings that do not start, a reload is what may mend them; */
        for (const struct generation *g = p->generations; g; g = g->next)
                if (g != p->current && !pool_is_passing(g) && !pool_is_retry(g))
                        return false;
        /* as with a zygote that cannot be replaced as things are */
        return p->current && (p->current->asleep || p->current->zygote.pid > 0 || replace_due(p) > time_now() ||
                              p->starts.n_failed > 0);
}

usec_t pool_drain_deadline(const struct pool *p) {
        usec_t deadline = p->last.settings ? cut_deadline(p) + TIMEOUTS_LEAVE_BEHIND : 0;

        for (const struct generation *g = p->generations; g; g = g->next)
                if (g->output.finish_at > 0)
                        deadline = MAX(deadline, g->output.finish_at);
                else if (g->drain.begun)
                        deadline = MAX(deadline, g->drain.since + p->env->control_timeout + TIMEOUTS_KILL_DELAY);
        return deadline;
}

bool pool_owns(const struct pool *p, pid_t pid) {
        if (parks_own(&p->parks, pid))
                return true;
        for (const struct generation *g = p->generations; g; g = g->next)
                if (g->zygote.pid == pid || g->output.pid == pid)
                        return true;
        for (uint32_t i = 0; i < p->n_used; i++)
                if (p->workers[i].state > WORKER_ASKED && p->workers[i].pid == pid &&
                    process_of_pidfd(p->workers[i].pidfd) == pid) /* and not another one that has got its number */
                        return true;
        return false;
}
