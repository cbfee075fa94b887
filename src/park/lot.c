/* SPDX-License-Identifier: MIT */
/*
 * The loop of the park: one epoll, and no call in it that could wait for a peer. A connection that is closed may still
 * have an event in the batch at hand, so its memory stays until the batch is over.
 */

#include "park/lot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "ipc/inherit.h"
#include "ipc/message.h"
#include "log/log.h"
#include "log/out.h"
#include "park/park.h"

#define LOT_EVENTS 64

/* Connections taken in one turn of the loop, so that those that are here have their turn. */
#define LOT_ARRIVALS 64

/* How long half a request may still take to arrive when the pool stops. */
#define LOT_FINISH_TIME (5 * USEC_PER_SEC)

/* And the first byte of a client that has just connected: web servers send at once, and would tell a failure to theirs.
 */
#define LOT_FRESH_TIME (1 * USEC_PER_SEC)

static int lot_watch(struct lot *lot, int *fd) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = fd };

        return epoll_ctl(lot->epoll_fd, EPOLL_CTL_ADD, *fd, &event) < 0 ? -errno : 0;
}

static void lot_forget(struct lot *lot, int *fd) {
        if (*fd >= 0)
                epoll_ctl(lot->epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
        *fd = fd_close(*fd);
}

int lot_init(struct lot *lot) {
        int r;

        lot->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (lot->epoll_fd < 0)
                return -errno;
        r = lot_watch(lot, &lot->intake);
        if (r == 0)
                r = lot_watch(lot, &lot->orders);
        if (r == 0)
                r = lot_watch(lot, &lot->signal_fd);
        return r;
}

static void lot_close_all(struct lot *lot, enum guest_state state) {
        while (lot->lists[state].first)
                guest_close(lot, lot->lists[state].first);
}

void lot_finish(struct lot *lot) {
        if (lot->finish_at > 0)
                return;
        lot->finish_at = lot->now + LOT_FINISH_TIME;
        lot->fresh_at = lot->now + LOT_FRESH_TIME;
        lot_close_all(lot, GUEST_IDLE);
        while (lot->lists[GUEST_DRAINING].first)
                guest_release(lot, lot->lists[GUEST_DRAINING].first);
}

/* No worker, no zygote, no master is left: nobody will take an offer. */
static void lot_on_abandoned(struct lot *lot) {
        lot_forget(lot, &lot->intake);
        lot_close_all(lot, GUEST_IDLE);
        lot_close_all(lot, GUEST_FRESH);
        lot_close_all(lot, GUEST_RECEIVING);
        lot_close_all(lot, GUEST_WAITING);
}

static void lot_on_intake(struct lot *lot) {
        for (unsigned i = 0; i < LOT_ARRIVALS && lot->intake >= 0; i++) {
                struct park_note note;
                int fd, r;

                r = park_receive(lot->intake, &note, lot->buf, sizeof(lot->buf), &fd);
                if (r == PARK_E_EMPTY)
                        return;
                if (r == PARK_E_END && lot->last)
                        lot_forget(lot, &lot->intake);
                else if (r == PARK_E_END)
                        lot_on_abandoned(lot);
                else if (r < 0)
                        log_error("a connection for the park is lost: %s", strerror(-r));
                else
                        guest_arrive(lot, &note, fd);
        }
}

/* Another park takes what comes from now on. The master, when it was not its wish, starts that one now. */
static void lot_leave_intake(struct lot *lot) {
        if (lot->orders >= 0 && ipc_send(lot->orders, &(struct ipc_message){ .type = IPC_PARK_LEAVES }, NULL) == 0)
                lot->retired = true;
        lot_forget(lot, &lot->intake);
}

static void lot_on_signal(struct lot *lot) {
        struct signalfd_siginfo info;

        if (read(lot->signal_fd, &info, sizeof(info)) != sizeof(info))
                return;
        if (lot->intake >= 0 && (info.ssi_signo == PARK_SIGNAL_RETIRE || !*lot->stopping))
                lot_leave_intake(lot);
        if (info.ssi_signo != PARK_SIGNAL_RETIRE)
                lot_finish(lot);
}

static void lot_on_order(struct lot *lot) {
        int fds[IPC_FDS_MAX], r;
        struct ipc_message m;

        r = ipc_receive(lot->orders, &m, fds);
        if (r == IPC_E_EMPTY)
                return;
        if (r != 0)
                lot_forget(lot, &lot->orders); /* its death is no reason to end: workers go on as well */
        else if (m.type == IPC_LOG && dup3(fds[0], PARK_FD_LOG, O_CLOEXEC) >= 0)
                log_renew_file();
        ipc_close_fds(fds);
}

static void lot_on_event(struct lot *lot, void *what) {
        if (what == &lot->intake)
                lot_on_intake(lot);
        else if (what == &lot->orders)
                lot_on_order(lot);
        else if (what == &lot->signal_fd)
                lot_on_signal(lot);
        else if (what == &lot->offers)
                offers_go_on(lot);
        else
                guest_on_event(lot, what);
}

static void lot_bury(struct lot *lot) {
        struct lot_list *gone = &lot->lists[GUEST_GONE];

        while (gone->first) {
                struct guest *g = gone->first;

                gone->first = g->next;
                free(g);
        }
        *gone = (struct lot_list){};
}

static void lot_publish(struct lot *lot) {
        const struct {
                _Atomic uint64_t *number;
                size_t value;
        } rows[] = {
                { &lot->numbers->idle, lot->lists[GUEST_IDLE].n },
                { &lot->numbers->receiving, lot->lists[GUEST_FRESH].n + lot->lists[GUEST_RECEIVING].n },
                { &lot->numbers->waiting, lot->lists[GUEST_WAITING].n },
                { &lot->numbers->writing,
                  lot->lists[GUEST_WRITING].n + lot->lists[GUEST_DRAINING].n + lot->lists[GUEST_LINGERING].n },
                { &lot->numbers->bytes, lot->n_bytes },
        };

        if (lot->retired)
                return; /* these numbers are its successor's */
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                atomic_store_explicit(rows[i].number, rows[i].value, memory_order_relaxed);
}

/* True when nothing is left to do, up to what may be on its way. */
static bool lot_is_done(const struct lot *lot) {
        bool over = lot->finish_at > 0 || lot->retired || lot->intake < 0;

        return over && lot->n == 0;
}

/* What workers have sent at the last moment. Then they can send no more, and keep what they have: the kernel refuses
 * under the lock under which it queues. False: nothing of it stays. */
static bool lot_take_last(struct lot *lot) {
        if (lot->intake < 0)
                return false;
        lot->last = true;
        shutdown(lot->intake, SHUT_RD);
        while (lot->intake >= 0)
                lot_on_intake(lot);
        return lot->n > 0;
}

int lot_run(struct lot *lot) {
        struct epoll_event events[LOT_EVENTS];

        for (;;) {
                usec_t at;
                int n;

                lot->now = time_now();
                at = limits_enforce(lot);
                lot_publish(lot);
                lot_bury(lot);
                if (lot_is_done(lot)) {
                        if (!lot_take_last(lot))
                                return 0;
                        continue;
                }
                if (log_out_flush())
                        at = MIN(at, lot->now + LOG_OUT_PERIOD);
                n = epoll_wait(lot->epoll_fd, events, LOT_EVENTS, time_left_msec(lot->now, at));
                if (n < 0 && errno != EINTR)
                        return -errno;
                lot->now = time_now();
                for (int i = 0; i < n; i++)
                        lot_on_event(lot, events[i].data.ptr);
                if (lot->retry_at > 0 && lot->now >= lot->retry_at)
                        offers_go_on(lot);
        }
}
