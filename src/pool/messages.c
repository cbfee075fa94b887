/* SPDX-License-Identifier: MIT */
/*
 * What a zygote and its workers tell, one row of ipc/message.h after the other. A zygote runs as the pool's user and is
 * not trusted: a slot, a pid, a descriptor that does not fit the picture costs it its life, as its pool's workers would
 * be beyond control, and a fresh one takes its place.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nudge.h"
#include "base/process.h"
#include "ipc/message.h"
#include "log/log.h"
#include "pool/news.h"
#include "pool/overtime.h"
#include "pool/pool.h"
#include "pool/replace.h"
#include "pool/scale.h"
#include "pool/supervise.h"
#include "untrusted/receive.h"

#define MESSAGES_INI_FILES_MAX (64U * 1024U)

/* Messages taken in one turn of the loop, so that a zygote that floods has only its share. */
#define MESSAGES_PER_TURN 256U

/* The picture's worker for a message, when slot, generation and pid fit. */
static struct pool_worker *messages_worker(const struct generation *g, const struct ipc_message *m,
                                           enum worker_state state) {
        struct pool_worker *w;

        if (m->slot >= g->pool->n_used)
                return NULL;
        w = &g->pool->workers[m->slot];
        if (w->generation != g || w->state != state || (state != WORKER_ASKED && w->pid != m->pid))
                return NULL;
        return w;
}

static void worker_accepts(struct pool_worker *w) {
        struct generation *g = w->generation;

        w->state = WORKER_ACCEPTING;
        g->n_accepting++;
        g->backlog_stale = true;
        if (g->state == GENERATION_STARTING && g->n_accepting >= g->n_first)
                g->state = GENERATION_ACCEPTING;
}

/* Whether the pidfd is a worker that the zygote has forked, as it says: the master may be root, and will send signals
 * there. So it is a child of the zygote, and nobody whom any pool has already. When the zygote has died meanwhile it is
 * the master's child, and known by the process group: its zygote's, which no process outside of that family can be in.
 * 0; MESSAGES_E_REAPED: it has ended meanwhile, so no signal finds anybody; -EBADMSG; other -errno. */
enum { MESSAGES_E_REAPED = 1 };
static int messages_check_child(const struct generation *g, pid_t claimed, int pidfd) {
        const struct pool_env *env = g->pool->env;
        pid_t pid = process_of_pidfd(pidfd), parent;
        bool ours;

        if (pid == -ESRCH)
                return MESSAGES_E_REAPED;
        if (pid < 0)
                return pid == -EBADF ? -EBADMSG : pid;
        if (pid != claimed || pid == g->zygote_pid || env->owns(pid, env->userdata))
                return -EBADMSG;
        parent = process_parent(pid);
        ours = parent == g->zygote_pid || (parent == getpid() && getpgid(pid) == g->zygote_pid);
        if (process_is_reaped(pidfd)) /* so that was said of somebody else who has got the number */
                return MESSAGES_E_REAPED;
        return ours ? 0 : -EBADMSG;
}

static int messages_on_spawned(struct generation *g, const struct ipc_message *m, int *pidfd) {
        struct pool_worker *w = messages_worker(g, m, WORKER_ASKED);
        int r;

        if (!w)
                return -EBADMSG;
        r = messages_check_child(g, m->pid, *pidfd);
        if (r < 0)
                return r;
        supervise_answered(g);
        g->short_of_workers = false;
        w->state = WORKER_STARTING;
        w->pid = m->pid;
        w->pidfd = TAKE_FD(*pidfd);
        w->started = time_now();
        r = replace_watch_worker(w); /* one that has been reaped is told of at once */
        if (r < 0)
                log_error("[pool %s] cannot watch child %d: %s", g->pool->name, w->pid, strerror(-r));
        log_printf(g->n_to_replace > 0 ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG, "[pool %s] child %d started",
                   g->pool->name, w->pid);
        if (g->n_to_replace == 0)
                news_of_growth(g);
        g->n_to_replace -= g->n_to_replace > 0;
        if (w->early)
                worker_accepts(w);
        return 0;
}

/* Only of one that is gone: the zygote has reaped it before it tells. */
static int messages_on_exited(struct generation *g, const struct ipc_message *m) {
        const struct pool_worker *w = messages_worker(g, m, WORKER_STARTING) ?: messages_worker(g, m, WORKER_ACCEPTING);

        if (!w || !process_is_reaped(w->pidfd))
                return -EBADMSG;
        pool_worker_exited(g->pool, m->slot, m->status, true);
        return 0;
}

static int messages_on_accepting(struct generation *g, const struct ipc_message *m) {
        struct pool_worker *w = messages_worker(g, m, WORKER_STARTING);

        if (w) {
                worker_accepts(w);
                return 0;
        }
        w = messages_worker(g, m, WORKER_ASKED);
        if (!w || w->early)
                return -EBADMSG;
        w->early = true; /* the child was faster than its zygote, whose news of it is on the way */
        return 0;
}

static int messages_on_output(struct generation *g, const struct ipc_message *m, int fds[static IPC_FDS_MAX]) {
        struct pool_worker *w = m->slot < g->pool->n_used ? &g->pool->workers[m->slot] : NULL;
        int r;

        if (!w || w->generation != g || w->state <= WORKER_ASKED || w->pid != m->pid || w->has_output ||
            !g->conf->catch_workers_output)
                return -EBADMSG;
        w->has_output = true;
        r = output_add(g, w->pid, TAKE_FD(fds[0]), TAKE_FD(fds[1]));
        if (r == -EBADMSG)
                return r;
        if (r < 0)
                log_error("[pool %s] output of child %d is lost: %s", g->pool->name, w->pid, strerror(-r));
        return 0;
}

/* It goes into a header of the status page. */
static bool messages_is_version(const char *text) {
        return *text &&
               strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-_~") == strlen(text);
}

static int messages_on_ready(struct generation *g, const struct ipc_message *m, int ini_fd) {
        int r;

        if (g->ready || !messages_is_version(m->text) ||
            (fcntl(ini_fd, F_GET_SEALS) & (F_SEAL_WRITE | F_SEAL_GROW)) != (F_SEAL_WRITE | F_SEAL_GROW) ||
            fcntl(ini_fd, F_GET_SEALS) < 0)
                return -EBADMSG; /* only from a sealed memfd can nobody make the master wait */
        r = fd_read_all(ini_fd, MESSAGES_INI_FILES_MAX, &g->ini_files, NULL);
        if (r < 0)
                return r;
        g->php_version = strdup(m->text);
        g->php_exposed = m->status == 1;
        g->ready = true;
        if (g->n_first == 0 && g->state == GENERATION_STARTING)
                g->state = GENERATION_ACCEPTING; /* ondemand: workers come with the connections */
        log_own("[pool %s] PHP %s, settings read from: %s", g->pool->name, m->text,
                *g->ini_files ? g->ini_files : "no file");
        return 0;
}

static int messages_on_spawn_failed(struct generation *g, const struct ipc_message *m) {
        char why[IPC_TEXT_MAX + 32];

        if (!messages_worker(g, m, WORKER_ASKED))
                return -EBADMSG;
        supervise_release(g->pool, m->slot);
        if (!g->short_of_workers)
                log_error("[pool %s] cannot fork a worker, and tries again: %s", g->pool->name, m->text);
        g->short_of_workers = true;
        snprintf(why, sizeof(why), "cannot fork a worker: %s", m->text);
        supervise_make_do(g, why);
        g->pool->n_young_dead =
                MAX(g->pool->n_young_dead + 1, SCALE_YOUNG_FREE + 1); /* the machine is short: wait first */
        g->pool->last_death = time_now();
        return 0;
}

static int messages_dispatch(struct generation *g, const struct ipc_message *m, int fds[static IPC_FDS_MAX]) {
        switch (m->type) {
        case IPC_READY:
                return messages_on_ready(g, m, fds[0]);
        case IPC_FAILED:
                if (g->state != GENERATION_STARTING)
                        return -EBADMSG;
                generation_fail(g, m->text);
                return 0;
        case IPC_SPAWNED:
                return messages_on_spawned(g, m, &fds[0]);
        case IPC_OUTPUT:
                return messages_on_output(g, m, fds);
        case IPC_SPAWN_FAILED:
                return messages_on_spawn_failed(g, m);
        case IPC_TRACED:
                return overtime_on_traced(g, m, fds[0]);
        case IPC_TRACE_FAILED:
                return overtime_on_traced(g, m, -1);
        case IPC_ACCEPTING:
                return messages_on_accepting(g, m);
        case IPC_EXITED:
                return messages_on_exited(g, m);
        default:
                return -EBADMSG;
        }
}

static void messages_log_failure(const struct generation *g, int r, uint32_t type) {
        if (r == -EBADMSG)
                log_error("[pool %s] zygote %d sent a message that makes no sense (%s); ending it", g->pool->name,
                          g->zygote_pid, ipc_type_name(type));
        else
                log_error("[pool %s] messages of zygote %d are lost (%s); ending it", g->pool->name, g->zygote_pid,
                          strerror(-r));
}

int messages_on_readable(sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        struct pool *p = g->pool;

        /* what waits at once: one look at the plan for a hundred messages */
        for (unsigned i = 0; i < MESSAGES_PER_TURN; i++) {
                int fds[IPC_FDS_MAX], r;
                struct ipc_message m;

                r = untrusted_receive(fd, &m, fds);
                if (r == IPC_E_EMPTY)
                        break;
                if (r == 0) {
                        g->heard = time_now();
                        r = messages_dispatch(g, &m, fds);
                }
                untrusted_close(fds);
                if (r < 0)
                        messages_log_failure(g, r, m.type);
                if (r != 0) { /* beyond control, or dead already */
                        generation_fail(g, r < 0 ? "the zygote sent a message that makes no sense"
                                                 : "the zygote ended; see the log above");
                        syscall(SYS_pidfd_send_signal, g->zygote_pidfd, SIGKILL, NULL, 0);
                        g->ipc_source = sd_event_source_disable_unref(s);
                        g->ipc = nudge_close(g->ipc);
                        break;
                }
        }
        supervise_changed(p);
        return 0;
}
