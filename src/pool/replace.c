/* SPDX-License-Identifier: MIT */
/*
 * The end of a zygote, and starts that fail. Its workers go on: the master is their subreaper, and now waits for them itself. A fresh generation with the same settings is started
 * beside them, and they are told to drain when it accepts. One that does not come up is tried again, later each time.
 */

#include "pool/replace.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/nudge.h"
#include "base/program.h"
#include "log/log.h"
#include "pool/overtime.h"
#include "pool/scale.h"
#include "pool/supervise.h"

static void replace_ring(struct pool *p) {
        _cleanup_nudge_ struct nudge nudge;
        int r = nudge_begin(&nudge);

        if (r < 0)
                log_error("[pool %s] cannot ring the doorbell: %s", p->name, strerror(-r));
        else
                pool_ring(p);
}

/* A worker whose zygote is gone: the master is its subreaper. */
static int replace_on_orphan_exit(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
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
                replace_ring(p);
                pool_worker_exited(p, i, status, known);
                break;
        }
        supervise_changed(p);
        return 0;
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
                r = sd_event_add_io(p->env->event, &w->exit_source, w->pidfd, EPOLLIN, replace_on_orphan_exit, g);
                if (r < 0)
                        log_error("[pool %s] cannot watch child %d: %s", p->name, w->pid, strerror(-r));
                else
                        sd_event_source_set_description(w->exit_source, "orphan-exit");
        }
}

static void replace_log_zygote_death(const struct generation *g, int status) {
        char message[256];

        if (WIFSIGNALED(status))
                snprintf(message, sizeof(message), "zygote %d (generation %u) exited on signal %d (SIG%s)%s",
                         g->zygote_pid, g->number, WTERMSIG(status), sigabbrev_np(WTERMSIG(status)) ?: "?",
                         g->state == GENERATION_ACCEPTING ? "; its workers serve until a fresh one has taken over"
                                                          : "");
        else
                snprintf(message, sizeof(message), "zygote %d (generation %u) exited with code %d", g->zygote_pid,
                         g->number, WEXITSTATUS(status));
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_ZYGOTE_DIED,
                                       .pool = g->pool->name,
                                       .message = message,
                                       .generation = g->number });
}

int replace_on_zygote_exit(sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        struct pool *p = g->pool;
        int status = 0;

        if (waitpid(g->zygote_pid, &status, WNOHANG) != g->zygote_pid)
                return 0;
        g->zygote_source = sd_event_source_disable_unref(s);
        g->ipc_source = sd_event_source_disable_unref(g->ipc_source);
        g->ipc = fd_close(g->ipc);
        if (!g->draining)
                replace_log_zygote_death(g, status);
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
