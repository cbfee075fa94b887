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
#include "zygote/zygote.h"

#define ZYGOTE_YOUNG         (2 * USEC_PER_SEC)
#define ZYGOTE_REPLACE_DELAY USEC_PER_SEC

static void spawn_tell(struct zygote *z, const struct ipc_message *m, const int *fds) {
        int r;

        if (z->ipc < 0)
                return;
        r = ipc_message_send(z->ipc, m, fds);
        if (r < 0) {
                log_error("zygote cannot tell the master %s: %s", ipc_message_type_name(m->type), strerror(-r));
                z->ipc = fd_close(z->ipc);
        }
}

/* In the child: what the worker does once it accepts. The message socket is closed before any PHP code runs. */
static void spawn_accepting(void *ctx) {
        struct zygote *z = ctx;
        uint32_t slot = z->children[0].slot;

        spawn_tell(z, &(struct ipc_message){ .type = IPC_ACCEPTING, .slot = slot, .pid = getpid() }, NULL);
        z->ipc = fd_close(z->ipc);
}

_noreturn_ static void spawn_child(struct zygote *z, uint32_t slot, int out, int err) {
        struct zygote_child self = { .slot = slot };

        fd_close(z->signal_fd);
        fd_close(z->lifeline_write);
        watchers_after_fork(z->watchers);
        setrlimit(RLIMIT_NOFILE, &z->files);
        z->children[0] = self;

        worker_run(&(struct worker_setup){
                .conf = z->conf,
                .pool = z->pool,
                .scoreboard = z->scoreboard,
                .slot = slot,
                .generation = z->generation,
                .watchers = z->watchers,
                .listeners = z->listeners,
                .n_listeners = z->n_listeners,
                .offers = INHERIT_PARK_OFFERS,
                .intake = INHERIT_PARK_INTAKE,
                .doorbell = INHERIT_DOORBELL,
                .lifeline = INHERIT_LIFELINE_READ,
                .stdout_fd = out,
                .stderr_fd = err,
                .access_fd = z->pool->access_log ? INHERIT_ACCESS : -1,
                .accepting = spawn_accepting,
                .ctx = z,
        });
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
static int spawn_pipes(const struct zygote *z, int read_ends[static 2], int write_ends[static 2]) {
        if (!z->pool->catch_workers_output || z->ipc < 0)
                return 0;
        for (int i = 0; i < 2; i++) {
                int ends[2];

                if (pipe2(ends, O_CLOEXEC) < 0)
                        return -errno;
                read_ends[i] = ends[0];
                write_ends[i] = ends[1];
        }
        return 0;
}

/* A worker has been reaped: the marks that it has left in shared memory go, and a wake-up that it had goes to another
 * one. */
static void spawn_forget(struct zygote *z, uint32_t slot) {
        sapi_module_worker_gone(slot);
        watchers_forget(z->watchers, slot);
        fd_ring(INHERIT_DOORBELL);
}

static int spawn_fork(struct zygote *z, uint32_t slot, usec_t now, pid_t *ret_pid) {
        int read_ends[2] = { -1, -1 }, write_ends[2] = { -1, -1 }, r;
        _cleanup_fd_ int pidfd = -1;
        pid_t pid;

        r = spawn_pipes(z, read_ends, write_ends);
        if (r == 0) {
                slot_assign(&z->scoreboard->slots[slot], z->generation, now);
                active_leave(z->scoreboard, slot);
                pid = fork();
                if (pid == 0) {
                        fd_close(read_ends[0]);
                        fd_close(read_ends[1]);
                        spawn_child(z, slot, write_ends[0], write_ends[1]);
                }
                r = pid < 0 ? -errno : 0;
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
                *ret_pid = pid;
                spawn_tell(z, &(struct ipc_message){ .type = IPC_SPAWNED, .slot = slot, .pid = pid }, &pidfd);
                if (read_ends[0] >= 0)
                        spawn_tell(z, &(struct ipc_message){ .type = IPC_OUTPUT, .slot = slot, .pid = pid }, read_ends);
        }
        for (int i = 0; i < 2; i++) {
                fd_close(read_ends[i]);
                fd_close(write_ends[i]);
        }
        return r;
}

int zygote_spawn(struct zygote *z, uint32_t slot) {
        usec_t now = time_now();
        pid_t pid = 0;
        int r;

        if (slot >= SCOREBOARD_SLOTS)
                return -EINVAL;
        r = spawn_reserve(z);
        if (r == 0)
                r = spawn_fork(z, slot, now, &pid);
        if (r < 0) {
                struct ipc_message m = { .type = IPC_SPAWN_FAILED, .slot = slot };
                char why[SHORTAGE_TEXT_MAX];

                snprintf(m.text, sizeof(m.text), "%s", shortage_describe(r, why));
                if (z->ipc < 0)
                        log_error("cannot fork a worker: %s", m.text);
                spawn_tell(z, &m, NULL); /* who asked logs it, once */
                return r;
        }
        z->children[z->n_children++] = (struct zygote_child){ .pid = pid, .slot = slot, .started = now };
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

static void spawn_on_exit(struct zygote *z, size_t i, int status, usec_t now) {
        struct zygote_child *c = &z->children[i];

        spawn_forget(z, c->slot);
        spawn_tell(z, &(struct ipc_message){ .type = IPC_EXITED, .slot = c->slot, .pid = c->pid, .status = status },
                   NULL);
        if (z->ipc < 0 && !z->draining) {
                c->replace_at = now - c->started < ZYGOTE_YOUNG ? now + ZYGOTE_REPLACE_DELAY : now;
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
                pid_t pid;

                if (c->pid != 0 || z->draining || now < c->replace_at)
                        continue;
                if (spawn_fork(z, c->slot, now, &pid) < 0) {
                        c->replace_at = now + ZYGOTE_REPLACE_DELAY;
                        continue;
                }
                c->pid = pid;
                c->started = now;
        }
}
