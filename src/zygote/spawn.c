/* SPDX-License-Identifier: MIT */
/*
 * Forking and reaping workers. With a master, the master decides about every fork and learns of every death. Without
 * one, each worker that dies is replaced in its slot: at once, unless it was young, which means that its successor
 * would likely die as well.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/shortage.h"
#include "conn/watchers.h"
#include "ipc/inherit.h"
#include "ipc/message.h"
#include "log/log.h"
#include "sapi/sapi.h"
#include "scoreboard/active.h"
#include "scoreboard/slot.h"
#include "worker/worker.h"
#include "zygote/expendable.h"
#include "zygote/reading.h"
#include "zygote/zygote.h"

#define ZYGOTE_YOUNG         (2 * USEC_PER_SEC)
#define ZYGOTE_REPLACE_DELAY USEC_PER_SEC

void spawn_tell(struct zygote *z, const struct ipc_message *m, const int *fds) {
        int r;

        if (z->ipc < 0)
                return;
        r = ipc_message_send(z->ipc, m, fds);
        if (r < 0) {
                log_error("zygote cannot tell the master %s: %s", ipc_message_type_name(m->type), strerror(-r));
                z->ipc = fd_close(z->ipc);
        }
}

void spawn_tell_failed(struct zygote *z, const char *why) {
        struct ipc_message m = { .type = IPC_FAILED };

        snprintf(m.text, sizeof(m.text), "%s", why);
        spawn_tell(z, &m, NULL);
}

/* In the child: what the worker does once it accepts. The message socket is closed before any PHP code runs. */
static void spawn_accepting(void *ctx) {
        struct zygote *z = ctx;
        uint32_t slot = z->children[0].slot;

        if (z->boot >= 0) {
                boot_say_ready(z->boot);
                z->boot = fd_close(z->boot);
                return;
        }
        spawn_tell(z, &(struct ipc_message){ .type = IPC_ACCEPTING, .slot = slot, .pid = getpid() }, NULL);
        z->ipc = fd_close(z->ipc);
}

/* What a worker is forked with besides the rest. */
struct spawn_ends {
        int read[2]; /* of pipes for what it writes; -1: none */
        int write[2];
        int reading[2]; /* reading_pair() */
        int boot[2];    /* boot_open() */
};

static void spawn_boot_failed(void *ctx, const char *why) {
        const struct zygote *z = ctx;

        if (z->boot >= 0)
                boot_say_failed(z->boot, why);
}

static void spawn_warming(void *ctx) {
        const struct zygote *z = ctx;

        if (z->boot >= 0)
                boot_say_warming(z->boot);
}

static void spawn_gone_cold(void *ctx) {
        const struct zygote *z = ctx;

        if (z->boot >= 0)
                boot_say_cold(z->boot);
}

/* In the child: only the zygote reads other workers' memory. */
static void spawn_forget_others(struct zygote *z, uint32_t slot) {
        for (size_t i = 0; i < z->n_children; i++) {
                fd_close(z->children[i].memory);
                z->children[i].boot = fd_close(z->children[i].boot);
        }
        z->children[0] = (struct zygote_child){ .slot = slot, .memory = -1, .boot = -1 };
        z->n_children = 0;
}

/* Returns in a fork of a template. */
static void spawn_child(struct zygote *z, uint32_t slot, const struct spawn_ends *ends) {
        bool given;

        fd_close(ends->read[0]);
        fd_close(ends->read[1]);
        fd_close(ends->reading[0]);
        fd_close(ends->boot[0]);
        spawn_forget_others(z, slot);
        given = reading_give(ends->reading[1]);
        expendable_after_fork();
        fd_close(z->signal_fd);
        fd_close(z->lifeline_write);
        watchers_after_fork(z->watchers);
        setrlimit(RLIMIT_NOFILE, &z->files);
        z->boot = ends->boot[1];
        if (z->boot >= 0)
                z->ipc = fd_close(z->ipc); /* PHP runs before it accepts */

        z->worker = (struct worker_setup){
                .conf = z->conf,
                .pool = z->pool,
                .scoreboard = z->scoreboard,
                .slot = slot,
                .generation = z->generation,
                .turn = z->n_spawned,
                .watchers = z->watchers,
                .listeners = z->listeners,
                .n_listeners = z->n_listeners,
                .offers = INHERIT_PARK_OFFERS,
                .intake = INHERIT_PARK_INTAKE,
                .doorbell = INHERIT_DOORBELL,
                .lifeline = INHERIT_LIFELINE_READ,
                .stdout_fd = ends->write[0],
                .stderr_fd = ends->write[1],
                .readable = z->pool->request_slowlog_timeout > 0 && !given,
                .access_fd = z->pool->access_log ? INHERIT_ACCESS : -1,
                .accepting = spawn_accepting,
                .boot_failed = spawn_boot_failed,
                .warming = spawn_warming,
                .gone_cold = spawn_gone_cold,
                .is_first = boot_is_first(z),
                .cold = z->cold,
                .refuses_cold = boot_refuses_cold(z),
                .ctx = z,
        };
        z->forked = conf_model_forks(z->pool);
        if (!z->forked)
                worker_run(&z->worker);
}

/* Room for one more child, before the fork: afterwards there is no way back. */
static int spawn_reserve(struct zygote *z) {
        struct zygote_child *p = reallocarray(z->children, z->n_children + 1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        z->children = p;
        return 0;
}

/* Pipes for what the worker writes. Its ends block, as whoever writes to a pipe expects; the logger's do not, and are
 * descriptions of their own. */
static int spawn_pipes(const struct zygote *z, struct spawn_ends *e) {
        if (!z->pool->catch_workers_output || z->ipc < 0)
                return 0;
        for (int i = 0; i < 2; i++) {
                int ends[2];

                if (pipe2(ends, O_CLOEXEC) < 0)
                        return -errno;
                e->read[i] = ends[0];
                e->write[i] = ends[1];
        }
        return 0;
}

static void spawn_close_ends(struct spawn_ends *e) {
        for (int i = 0; i < 2; i++) {
                fd_close(e->read[i]);
                fd_close(e->write[i]);
                fd_close(e->reading[i]);
                fd_close(e->boot[i]);
        }
}

/* A worker has been reaped: the marks that it has left in shared memory go, and a wake-up that it had goes to another
 * one. */
static void spawn_forget(struct zygote *z, uint32_t slot) {
        sapi_module_worker_gone(slot);
        watchers_forget(z->watchers, slot);
        fd_ring(INHERIT_DOORBELL);
}

/* ret: the child's pid and memory. */
static int spawn_fork(struct zygote *z, uint32_t slot, usec_t now, struct zygote_child *ret) {
        struct spawn_ends ends = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
        _cleanup_fd_ int pidfd = -1;
        pid_t pid = 0;
        int r;

        r = spawn_pipes(z, &ends);
        if (r == 0)
                r = boot_open(z, ends.boot);
        if (r == 0) {
                reading_pair(ends.reading);
                slot_assign(&z->scoreboard->slots[slot], z->generation, now);
                active_leave(z->scoreboard, slot);
                expendable_begin();
                pid = fork();
                if (pid == 0)
                        spawn_child(z, slot, &ends);
                if (z->forked)
                        return 0;
                r = pid < 0 ? -errno : 0;
                z->n_spawned++;
                expendable_end();
                ends.reading[1] = fd_close(ends.reading[1]);
        }
        if (r == 0) {
                pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
                if (pidfd < 0) {
                        r = -errno;
                        kill(pid, SIGKILL); /* the master could not control it */
                        waitpid(pid, NULL, 0);
                        spawn_forget(z, slot);
                }
        }
        if (r == 0) {
                ret->pid = pid;
                ret->memory = reading_take(TAKE_FD(ends.reading[0]));
                ret->boot = TAKE_FD(ends.boot[0]);
                ret->boot_until = now + z->pool->worker_boot_timeout;
                spawn_tell(z, &(struct ipc_message){ .type = IPC_SPAWNED, .slot = slot, .pid = pid }, &pidfd);
                if (ends.read[0] >= 0)
                        spawn_tell(z, &(struct ipc_message){ .type = IPC_OUTPUT, .slot = slot, .pid = pid }, ends.read);
        }
        spawn_close_ends(&ends);
        return r;
}

int zygote_spawn(struct zygote *z, uint32_t slot) {
        struct zygote_child child = { .slot = slot, .started = time_now() };
        int r;

        if (slot >= SCOREBOARD_SLOTS)
                return -EINVAL;
        r = spawn_reserve(z);
        if (r == 0)
                r = spawn_fork(z, slot, child.started, &child);
        if (z->forked)
                return 0;
        if (r < 0) {
                struct ipc_message m = { .type = IPC_SPAWN_FAILED, .slot = slot };
                char why[SHORTAGE_TEXT_MAX];

                snprintf(m.text, sizeof(m.text), "%s", shortage_describe(r, why));
                if (z->ipc < 0)
                        log_error("cannot fork a worker: %s", m.text);
                spawn_tell(z, &m, NULL); /* the master logs it, once */
                return r;
        }
        z->children[z->n_children++] = child;
        z->last_slot = slot;
        return 0;
}

size_t spawn_n_alive(const struct zygote *z) {
        size_t n = 0;

        for (size_t i = 0; i < z->n_children; i++)
                n += z->children[i].pid > 0;
        return n;
}

void spawn_signal(const struct zygote *z, int sig) {
        for (size_t i = 0; i < z->n_children; i++)
                if (z->children[i].pid > 0)
                        kill(z->children[i].pid, sig); /* our unreaped child: the pid is its own */
}

/* A worker that is to serve one request has not ended too early when it has. */
static bool spawn_is_early(const struct zygote *z, const struct zygote_child *c, int status, usec_t now) {
        return now - c->started < ZYGOTE_YOUNG && !(conf_model_forks(z->pool) && status == 0);
}

static void spawn_on_exit(struct zygote *z, size_t i, int status, usec_t now) {
        struct zygote_child *c = &z->children[i];

        c->memory = fd_close(c->memory);
        (void)boot_watch(z, now); /* its last words come first */
        c->boot = fd_close(c->boot);
        spawn_forget(z, c->slot);
        spawn_tell(z, &(struct ipc_message){ .type = IPC_EXITED, .slot = c->slot, .pid = c->pid, .status = status },
                   NULL);
        if (z->ipc < 0 && !z->draining) {
                c->replace_at = spawn_is_early(z, c, status, now) ? now + ZYGOTE_REPLACE_DELAY : now;
                c->pid = 0;
                return;
        }
        z->children[i] = z->children[--z->n_children];
}

void spawn_reap(struct zygote *z, usec_t now) {
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                for (size_t i = 0; i < z->n_children; i++)
                        if (z->children[i].pid == pid) {
                                spawn_on_exit(z, i, status, now);
                                break;
                        }
}

void spawn_replace_due(struct zygote *z, usec_t now) {
        for (size_t i = 0; i < z->n_children; i++) {
                struct zygote_child *c = &z->children[i];

                if (c->pid != 0 || z->draining || now < c->replace_at)
                        continue;
                if (spawn_fork(z, c->slot, now, c) < 0)
                        c->replace_at = now + ZYGOTE_REPLACE_DELAY;
                else
                        c->started = now;
                if (z->forked)
                        return;
        }
}
