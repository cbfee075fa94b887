/* SPDX-License-Identifier: MIT */
/*
 * Ends of zygotes and workers. When a zygote ends its workers go on: the master is their subreaper, and now waits for
 * them itself.
 */

#include "pool/exits.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/process.h"
#include "log/log.h"
#include "pool/generation.h"
#include "pool/loader.h"
#include "pool/relay.h"
#include "pool/scale.h"
#include "pool/trace.h"
#include "pool/workers.h"

static void exits_ring(struct pool *p) {
        _cleanup_nowait_ struct nowait nowait;
        int r = nowait_begin(&nowait);

        if (r < 0)
                log_error("[pool %s] cannot ring the doorbell: %s", p->name, strerror(-r));
        else
                relay_ring(p);
}

static struct pool_worker *exits_find_worker(const struct generation *g, int pidfd) {
        for (uint32_t i = 0; i < g->pool->n_used; i++) {
                struct pool_worker *w = &g->pool->workers[i];

                if (w->generation == g && w->state > WORKER_ASKED && w->pidfd == pidfd)
                        return w;
        }
        return NULL;
}

/* Its zygote reaps it and tells, or is gone: then the master is its parent. */
static int exits_on_worker(sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        struct pool *p = g->pool;
        struct pool_worker *w = exits_find_worker(g, fd);
        int status = 0, r;

        if (!w)
                return sd_event_source_set_enabled(s, SD_EVENT_OFF);
        exits_ring(p); /* the zygote does so too, when it gets to it */
        if (g->zygote.pid > 0) {
                sd_event_source_set_enabled(s, SD_EVENT_OFF);
                g->zygote.n_ended += w->ended == 0;
                w->ended = time_now();
        } else {
                r = process_reap(w->pidfd, &status); /* if it is traced: later, as a stranger */
                workers_exited(p, (uint32_t)(w - p->workers), status, r == 0);
        }
        picture_changed(p);
        return 0;
}

int exits_watch_worker(struct pool_worker *w) {
        struct generation *g = w->generation;
        int r;

        if (w->exit_source)
                return sd_event_source_set_enabled(w->exit_source, SD_EVENT_ON);
        r = sd_event_add_io(g->pool->env->event, &w->exit_source, w->pidfd, EPOLLIN, exits_on_worker, g);
        if (r < 0)
                return r;
        return sd_event_source_set_description(w->exit_source, "worker-exit");
}

static void exits_adopt_workers(struct generation *g) {
        struct pool *p = g->pool;

        for (uint32_t i = 0; i < p->n_used; i++) {
                struct pool_worker *w = &p->workers[i];
                int r;

                if (w->state == WORKER_NONE || w->generation != g)
                        continue;
                if (w->state == WORKER_ASKED) {
                        workers_release(p, i);
                        continue;
                }
                trace_forget(w, "the zygote has ended");
                r = exits_watch_worker(w); /* anew: one that has ended already is told of again */
                if (r < 0)
                        log_error("[pool %s] cannot watch child %d: %s", p->name, w->pid, strerror(-r));
        }
}

static void exits_log_zygote(const struct generation *g, bool known, int status) {
        char message[256], how[PROCESS_EXIT_MAX];
        bool serve = known && WIFSIGNALED(status) && g->state == GENERATION_ACCEPTING;

        snprintf(message, sizeof(message), "zygote %d (generation %u) %s%s", g->zygote.pid, g->number,
                 known ? process_describe_exit(status, how) : "exited",
                 serve ? "; its workers serve until a fresh one has taken over" : "");
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_ZYGOTE_DIED,
                                       .pool = g->pool->name,
                                       .message = message,
                                       .generation = g->number });
}

/* One that comes up and ends at once would be replaced without end, as none of its starts has failed. */
static void exits_count_short(const struct generation *g) {
        struct pool *p = g->pool;
        usec_t now = time_now();

        if (g != p->current || g->drain.begun)
                return;
        p->starts.n_short = scale_count_young(p->starts.n_short, now - g->started);
        p->starts.last_short = now;
        if (p->starts.n_short == SCALE_YOUNG_FREE + 1)
                log_write(&(struct log_entry){ .level = LOG_LEVEL_ERROR,
                                               .event = LOG_EVENT_CRASH_LOOP,
                                               .pool = p->name,
                                               .message = "zygotes end soon after their start, one after another; "
                                                          "replacements are being delayed" });
}

static void exits_zygote_ended(struct generation *g, bool known, int status) {
        g->zygote.exit_source = sd_event_source_disable_unref(g->zygote.exit_source);
        g->zygote.ipc_source = sd_event_source_disable_unref(g->zygote.ipc_source);
        g->zygote.ipc = nowait_close(g->zygote.ipc);
        if (!g->drain.begun)
                exits_log_zygote(g, known, status);
        exits_count_short(g);
        if (g == g->pool->starting && g->state == GENERATION_ACCEPTING)
                g->state = GENERATION_STARTING; /* not in charge yet: this is a failed start */
        generation_fail(g, "the zygote ended while it was starting; see the log above");
        if (g->state == GENERATION_ACCEPTING)
                g->state = GENERATION_ENDING;
        g->zygote.pid = 0;
        loader_forget_zygote(g->pool->env->loader);
        exits_adopt_workers(g);
}

int exits_on_zygote(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        int status = 0, r = process_reap(g->zygote.pidfd, &status); /* if it is traced: later, as a stranger */

        exits_zygote_ended(g, r == 0, status);
        picture_changed(g->pool);
        return 0;
}

static void exits_log_left(const struct generation *g, const char *what, pid_t pid) {
        log_error(
                "[pool %s] %s %d has been killed and does not go (it is traced, or the kernel waits for something); it "
                "is left behind",
                g->pool->name, what, pid);
}

void exits_leave_zygote(struct generation *g) {
        exits_log_left(g, "zygote", g->zygote.pid);
        exits_zygote_ended(g, false, 0);
}

void exits_leave_behind(struct generation *g) {
        struct pool *p = g->pool;

        if (g->zygote.pid > 0)
                exits_leave_zygote(g);
        for (uint32_t i = 0; i < p->n_used; i++) {
                const struct pool_worker *w = &p->workers[i];

                if (w->generation != g || w->state == WORKER_NONE)
                        continue;
                exits_log_left(g, "child", w->pid);
                workers_exited(p, i, 0, false);
        }
}
