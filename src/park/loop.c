/* SPDX-License-Identifier: MIT */
/*
 * The loop of the park: one epoll, and no call in it that could wait for a peer. A connection that is closed may still
 * have an event in the batch at hand, so its memory stays until the batch is over.
 */

#include "park/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "ipc/inherit.h"
#include "ipc/message.h"
#include "ipc/signals.h"
#include "log/log.h"
#include "log/out.h"
#include "park/connection.h"
#include "park/entrance.h"
#include "park/intake.h"
#include "park/keeping.h"
#include "park/offers.h"
#include "park/overflow.h"
#include "park/queue.h"
#include "park/receiving.h"
#include "park/shelves.h"
#include "park/standin.h"
#include "park/timeouts.h"
#include "park/writing.h"

#define LOOP_EVENTS 64

/* How long half a request may still take to arrive when the pool stops. */
#define LOOP_FINISH_TIME (5 * USEC_PER_SEC)

/* And the first byte of a client that has just connected: web servers send at once, and would tell a failure to theirs.
 */
#define LOOP_FRESH_TIME (1 * USEC_PER_SEC)

static int park_watch(struct park *park, int *fd) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = fd };

        return epoll_ctl(park->epoll_fd, EPOLL_CTL_ADD, *fd, &event) < 0 ? -errno : 0;
}

int park_init(struct park *park) {
        int r;

        park->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (park->epoll_fd < 0)
                return -errno;
        r = park_watch(park, &park->intake);
        if (r == 0)
                r = park_watch(park, &park->orders);
        if (r == 0)
                r = park_watch(park, &park->signal_fd);
        if (r == 0)
                r = offers_open(park);
        return r;
}

void park_finish(struct park *park) {
        if (park->finish_at > 0)
                return;
        park->finish_at = park->now + LOOP_FINISH_TIME;
        park->fresh_at = park->now + LOOP_FRESH_TIME;
        keeping_part_all(park, CONNECTION_IDLE);
        while (park->lists[CONNECTION_DRAINING].first)
                writing_release(park, park->lists[CONNECTION_DRAINING].first);
}

/* Its death is no reason to end: workers go on as well. */
static void park_on_master_gone(struct park *park) {
        epoll_ctl(park->epoll_fd, EPOLL_CTL_DEL, park->orders, NULL);
        park->orders = fd_close(park->orders);
}

/* False: there is none. */
static bool park_take_order(struct park *park) {
        int fds[IPC_FDS_MAX], r;
        struct ipc_message m;

        r = ipc_message_receive(park->orders, &m, fds);
        if (r == IPC_E_EMPTY)
                return false;
        if (r != 0)
                park_on_master_gone(park);
        else if (m.type == IPC_PARK_KEEP)
                keeping_allow(park, m.slot);
        else if (m.type == IPC_LOG && dup3(fds[0], PARK_FD_LOG, O_CLOEXEC) >= 0)
                log_renew_file();
        ipc_message_close_fds(fds);
        return true;
}

static void park_on_orders(struct park *park) {
        while (park->orders >= 0 && park_take_order(park))
                ;
        keeping_go_on(park);
}

static void park_on_signal(struct park *park) {
        struct signalfd_siginfo info;

        if (read(park->signal_fd, &info, sizeof(info)) != sizeof(info))
                return;
        park_on_orders(park); /* what was said before that */
        if (park->intake >= 0 && (info.ssi_signo == PARK_SIGNAL_RETIRE || !*park->stopping || standin_serves(park)))
                intake_leave(park);
        standin_end(park);
        if (info.ssi_signo != PARK_SIGNAL_RETIRE)
                park_finish(park);
}

void park_on_connection(struct park *park, struct connection *c) {
        switch (states_event(c->state)) {
        case STATES_EVENT_RECEIVE:
                receiving_on_event(park, c);
                break;
        case STATES_EVENT_WRITE:
                writing_on_event(park, c);
                break;
        case STATES_EVENT_DRAIN:
                writing_on_body(park, c);
                break;
        case STATES_EVENT_DISCARD:
                writing_on_rest(park, c);
                break;
        case STATES_EVENT_HANGUP:
                overflow_on_hangup(park, c);
                break;
        case STATES_EVENT_SHELF:
                shelves_on_event(park, c);
                break;
        case STATES_EVENT_NONE:
                break;
        }
}

static void park_on_event(struct park *park, void *what) {
        if (what == &park->intake)
                intake_on_event(park);
        else if (what == &park->orders)
                park_on_orders(park);
        else if (what == &park->signal_fd)
                park_on_signal(park);
        else if (what == &park->offers)
                offers_go_on(park);
        else if (entrance_is(park, what))
                entrance_on_event(park);
        else if (!standin_on_event(park, what))
                park_on_connection(park, what);
}

static void park_publish(struct park *park) {
        const struct {
                _Atomic uint64_t *number;
                size_t value;
        } rows[] = {
                { &park->numbers->idle, park->lists[CONNECTION_IDLE].n + park->lists[CONNECTION_SHELVED].n },
                { &park->numbers->receiving, park->lists[CONNECTION_FRESH].n + park->lists[CONNECTION_RECEIVING].n },
                { &park->numbers->waiting, queue_length(park) },
                { &park->numbers->writing, park->lists[CONNECTION_WRITING].n + park->lists[CONNECTION_DRAINING].n +
                                                   park->lists[CONNECTION_LINGERING].n },
                { &park->numbers->bytes, park->n_bytes },
        };

        if (park->retired)
                return; /* these numbers are its successor's */
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                atomic_store_explicit(rows[i].number, rows[i].value, memory_order_relaxed);
}

/* Nothing new comes that is not on its way. */
static bool park_is_over(const struct park *park) {
        return park->finish_at > 0 || park->retired || park->intake < 0;
}

/* New ones are those of whoever comes after it, or of nobody; and what workers have is looked after by that one. */
static void park_leave_outside(struct park *park) {
        if (!park_is_over(park))
                return;
        entrance_close(park);
        shelves_leave(park);
}

/* True when nothing is left to do, up to what may be on its way. */
static bool park_is_done(const struct park *park) {
        return park_is_over(park) && park->n == 0;
}

int park_run(struct park *park) {
        struct epoll_event events[LOOP_EVENTS];

        for (;;) {
                usec_t at;
                int n;

                park->now = time_now();
                park_leave_outside(park);
                at = MIN(entrance_enforce(park), overflow_enforce(park));
                at = MIN(at, timeouts_enforce(park));
                at = MIN(at, shelves_enforce(park));
                park_publish(park);
                connection_free_closed(park);
                if (park_is_done(park)) {
                        if (intake_take_last(park))
                                continue;
                        keeping_tell(park);
                        return 0;
                }
                if (log_out_flush())
                        at = MIN(at, park->now + LOG_OUT_PERIOD);
                n = epoll_wait(park->epoll_fd, events, LOOP_EVENTS, time_left_msec(park->now, at));
                if (n < 0 && errno != EINTR)
                        return -errno;
                park->now = time_now();
                for (int i = 0; i < n; i++)
                        park_on_event(park, events[i].data.ptr);
                if (park->retry_at > 0 && park->now >= park->retry_at)
                        offers_go_on(park);
        }
}
