/* SPDX-License-Identifier: MIT */
/*
 * The end of a zygote, and starts that fail. Its workers go on: the master is their subreaper, and now waits for them
 * itself. A fresh generation with the same settings is started beside them, and they are told to drain when it accepts.
 * One that does not come up is tried again, later each time.
 */

#include "pool/replace.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/process.h"
#include "base/program.h"
#include "log/log.h"
#include "pool/overtime.h"
#include "pool/scale.h"
#include "pool/supervise.h"

static void replace_ring(struct pool *p) {
        _cleanup_nowait_ struct nowait nowait;
        int r = nowait_begin(&nowait);

        if (r < 0)
                log_error("[pool %s] cannot ring the doorbell: %s", p->name, strerror(-r));
        else
                pool_ring(p);
}

static struct pool_worker *replace_find_worker(const struct generation *g, int pidfd) {
        for (uint32_t i = 0; i < g->pool->n_used; i++) {
                struct pool_worker *w = &g->pool->workers[i];

                if (w->generation == g && w->state > WORKER_ASKED && w->pidfd == pidfd)
                        return w;
        }
        return NULL;
}

/* Its zygote reaps it and tells, or is gone: then the master is its parent. */
static int replace_on_worker_exit(sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        struct pool *p = g->pool;
        struct pool_worker *w = replace_find_worker(g, fd);
        int status = 0, r;

        if (!w)
                return sd_event_source_set_enabled(s, SD_EVENT_OFF);
        replace_ring(p); /* the zygote does so too, when it gets to it */
        if (g->zygote_pid > 0) {
                sd_event_source_set_enabled(s, SD_EVENT_OFF);
                g->n_ended += w->ended == 0;
                w->ended = time_now();
        } else {
                r = process_reap(w->pidfd, &status); /* if it is traced: later, as a stranger */
                pool_worker_exited(p, (uint32_t)(w - p->workers), status, r == 0);
        }
        supervise_changed(p);
        return 0;
}

int replace_watch_worker(struct pool_worker *w) {
        struct generation *g = w->generation;
        int r;

        if (w->exit_source)
                return sd_event_source_set_enabled(w->exit_source, SD_EVENT_ON);
        r = sd_event_add_io(g->pool->env->event, &w->exit_source, w->pidfd, EPOLLIN, replace_on_worker_exit, g);
        if (r < 0)
                return r;
        return sd_event_source_set_description(w->exit_source, "worker-exit");
}

static void replace_adopt_workers(struct generation *g) {
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
                overtime_forget(p, w, "the zygote has ended");
                r = replace_watch_worker(w); /* anew: one that has ended already is told of again */
                if (r < 0)
                        log_error("[pool %s] cannot watch child %d: %s", p->name, w->pid, strerror(-r));
        }
}

static void replace_log_zygote_death(const struct generation *g, bool known, int status) {
        char message[256], how[PROCESS_EXIT_MAX];
        bool serve = known && WIFSIGNALED(status) && g->state == GENERATION_ACCEPTING;

        snprintf(message, sizeof(message), "zygote %d (generation %u) %s%s", g->zygote_pid, g->number,
                 known ? process_describe_exit(status, how) : "exited",
                 serve ? "; its workers serve until a fresh one has taken over" : "");
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_ZYGOTE_DIED,
                                       .pool = g->pool->name,
                                       .message = message,
                                       .generation = g->number });
}

int replace_on_zygote_exit(sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        struct pool *p = g->pool;
        int status = 0, r = process_reap(g->zygote_pidfd, &status); /* if it is traced: later, as a stranger */

        g->zygote_source = sd_event_source_disable_unref(s);
        g->ipc_source = sd_event_source_disable_unref(g->ipc_source);
        g->ipc = nowait_close(g->ipc);
        if (!g->draining)
                replace_log_zygote_death(g, r == 0, status);
        if (g == p->starting && g->state == GENERATION_ACCEPTING)
                g->state = GENERATION_STARTING; /* not in charge yet: this is a failed start */
        generation_fail(g, "the zygote ended while it was starting; see the log above");
        if (g->state == GENERATION_ACCEPTING)
                g->state = GENERATION_ENDING;
        g->zygote_pid = 0;
        replace_adopt_workers(g);
        supervise_changed(p);
        return 0;
}

void replace_count_crash(const struct generation *g, usec_t now) {
        const struct conf_global *conf = &g->settings->global;
        char message[128];
        struct pool *p = g->pool;

        if (g != p->current || p->starting ||
            !crashes_add(&p->crashes, conf->emergency_restart_threshold, conf->emergency_restart_interval, now))
                return;
        p->renew = true;
        snprintf(message, sizeof(message), "failed processes threshold (%u in %llu sec) is reached, initiating reload",
                 conf->emergency_restart_threshold,
                 (unsigned long long)(conf->emergency_restart_interval / USEC_PER_SEC));
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .pool = program_is_php_fpm() ? NULL : p->name, /* php-fpm's line has none */
                                       .message = message });
}

void replace_note_failure(struct pool *p, const char *reason, usec_t now) {
        p->n_failed_starts++;
        p->last_failure = now;
        free(p->problem);
        p->problem = strdup(reason ?: "out of memory");
}

/* False: the successor is on its way, or has just arrived. */
static bool replace_may_begin(struct pool *p, usec_t now) {
        struct generation *g = p->starting;

        if (g && p->starting_is_replacement) {
                if (g->state == GENERATION_ACCEPTING) {
                        if (p->current)
                                log_own("[pool %s] generation %u has taken over", p->name, g->number);
                        else
                                log_notice("[pool %s] has started after %u failed tries, and serves", p->name,
                                           p->n_failed_starts);
                        pool_promote(p);
                        return false;
                }
                if (g->state != GENERATION_FAILED)
                        return false;
                log_error("[pool %s] a fresh zygote does not start: %s", p->name, g->reason ?: "out of memory");
                replace_note_failure(p, g->reason, now);
                p->starting = NULL;
                generation_end(g);
        }
        if (p->starting || p->stopping)
                return false;
        return p->current ? p->current->zygote_pid == 0 || p->renew : p->wanted != NULL;
}

static usec_t replace_delay(const struct pool *p) {
        return scale_delay(SCALE_YOUNG_FREE + p->n_failed_starts);
}

usec_t replace_zygote(struct pool *p, usec_t now) {
        int r;

        if (!replace_may_begin(p, now))
                return USEC_INFINITY;
        if (p->n_failed_starts > 0 && now < p->last_failure + replace_delay(p))
                return p->last_failure + replace_delay(p);
        r = pool_start_replacement(p);
        if (r >= 0)
                return p->starting->state == GENERATION_FAILED ? now : USEC_INFINITY;
        log_error("[pool %s] cannot start a fresh zygote: %s", p->name, strerror(-r));
        replace_note_failure(p, strerror(-r), now);
        return now + replace_delay(p);
}
