/* SPDX-License-Identifier: MIT */
/*
 * The zygote's loop: the master's orders, signals, reaping. Deliberately poll(2) and nothing more: every fork copies
 * this process, and what it does not have cannot be inherited.
 *
 * SIGTERM and SIGINT end the workers at once, SIGQUIT lets them finish; the master uses messages instead, these are for
 * an operator whose master is gone.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/inherit.h"
#include "ipc/message.h"
#include "log/log.h"
#include "scoreboard/slot.h"
#include "zygote/trace.h"
#include "zygote/zygote.h"

#define ZYGOTE_KILL_DELAY (5 * USEC_PER_SEC)

static void zygote_drain(struct zygote *z) {
        z->draining = true;
        z->lifeline_write = fd_close(z->lifeline_write); /* the master has closed its own: workers see the hang-up */
}

static void zygote_stop(struct zygote *z, usec_t now) {
        zygote_drain(z);
        if (!z->stopping) {
                z->stopping = true;
                z->kill_at = now + ZYGOTE_KILL_DELAY;
        }
        spawn_signal(z, SIGTERM);
}

static void zygote_on_master_gone(struct zygote *z) {
        z->ipc = fd_close(z->ipc);
        if (!z->draining)
                log_warning("the master is gone; zygote %d keeps its %zu workers serving", getpid(), spawn_n_alive(z));
        if (!z->draining && spawn_n_alive(z) == 0)
                zygote_spawn(z, z->last_slot); /* nobody orders one any more when a connection comes */
}

/* Logs and lifeline change under the same numbers, so nothing else has to. With its last write end the old lifeline
 * hangs up, and the workers that have it leave when they are between two requests. */
static void zygote_renew(struct zygote *z, const int fds[static IPC_FDS_MAX]) {
        static const int numbers[IPC_FDS_MAX] = { INHERIT_LOG, INHERIT_ACCESS, INHERIT_LIFELINE_READ,
                                                  INHERIT_LIFELINE_WRITE };

        for (int i = 0; i < IPC_FDS_MAX; i++)
                if (dup3(fds[i], numbers[i], O_CLOEXEC) < 0)
                        log_error("zygote cannot take over a descriptor: %s", strerror(errno));
        log_renew_file();
}

static void zygote_trace(struct zygote *z, const struct ipc_message *order) {
        struct ipc_message answer;
        _cleanup_fd_ int fd = -1;
        int r;

        trace_worker(z, order, &answer, &fd);
        r = ipc_message_send(z->ipc, &answer, &fd);
        if (r < 0)
                log_error("zygote cannot tell the master %s: %s", ipc_message_type_name(answer.type), strerror(-r));
        if (r < 0)
                z->ipc = fd_close(z->ipc); /* an order without its answer: the master starts afresh */
}

static void zygote_on_message(struct zygote *z, usec_t now) {
        int fds[IPC_FDS_MAX], r;
        struct ipc_message m;

        r = ipc_message_receive(z->ipc, &m, fds);
        if (r == IPC_E_EMPTY)
                return;
        if (r != 0) {
                zygote_on_master_gone(z);
                return;
        }
        switch (m.type) {
        case IPC_SPAWN:
                if (!z->draining)
                        zygote_spawn(z, m.slot);
                break;
        case IPC_DRAIN:
                zygote_drain(z);
                break;
        case IPC_STOP:
                zygote_stop(z, now);
                break;
        case IPC_TRACE:
                zygote_trace(z, &m);
                break;
        case IPC_RENEW:
                if (!z->draining)
                        zygote_renew(z, fds);
                break;
        default:
                log_error("zygote got the message %s, which is not for it", ipc_message_type_name(m.type));
        }
        ipc_message_close_fds(fds);
}

static void zygote_on_signal(struct zygote *z, usec_t now) {
        struct signalfd_siginfo info;

        if (read(z->signal_fd, &info, sizeof(info)) != sizeof(info))
                return;
        switch (info.ssi_signo) {
        case SIGCHLD:
                spawn_reap(z, now);
                break;
        case SIGQUIT:
                zygote_drain(z);
                spawn_signal(z, SIGQUIT); /* the master, if it is there, holds the lifeline too */
                break;
        case SIGTERM:
        case SIGINT:
                zygote_stop(z, now);
                break;
        }
}

/* Milliseconds until the next thing that is due by itself; -1: none. */
static int zygote_timeout(const struct zygote *z, usec_t now) {
        usec_t due = MIN(z->stopping ? z->kill_at : USEC_INFINITY, z->boot_look);

        for (size_t i = 0; i < z->n_children; i++)
                if (z->children[i].pid == 0 && !z->draining)
                        due = MIN(due, z->children[i].replace_at);
        return time_left_msec(now, due);
}

#define ZYGOTE_POLL_FIXED 2

static size_t zygote_watch(const struct zygote *z, struct pollfd *p) {
        p[0] = (struct pollfd){ .fd = z->signal_fd, .events = POLLIN };
        p[1] = (struct pollfd){ .fd = z->ipc, .events = POLLIN };
        return ZYGOTE_POLL_FIXED + boot_poll(z, p + ZYGOTE_POLL_FIXED);
}

int zygote_loop(struct zygote *z) {
        static struct pollfd p[ZYGOTE_POLL_FIXED + SCOREBOARD_SLOTS]; /* of a stack's, each page would be touched */

        z->boot_look = USEC_INFINITY;
        while (!z->forked && (!z->draining || spawn_n_alive(z) > 0)) {
                size_t n = zygote_watch(z, p);
                usec_t now;

                if (poll(p, n, zygote_timeout(z, time_now())) < 0 && errno != EINTR) {
                        log_error("zygote cannot poll: %s", strerror(errno));
                        return 1;
                }
                now = time_now();
                z->boot_look = boot_watch(z, now);
                if (p[0].revents)
                        zygote_on_signal(z, now);
                if (p[1].revents)
                        zygote_on_message(z, now);
                if (z->forked)
                        break;
                if (z->stopping && now >= z->kill_at) {
                        spawn_signal(z, SIGKILL);
                        z->kill_at = now + ZYGOTE_KILL_DELAY;
                }
                spawn_replace_due(z, now);
        }
        return 0;
}
