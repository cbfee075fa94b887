/* SPDX-License-Identifier: MIT */
/*
 * In the kernel's queue of a listener a connection is a number: nobody knows since when it waits, what it wants, or
 * whether its client is still there. Workers that are free take connections themselves, as ever. What none of them has
 * taken within a short time waits for one, and does so here from then on. While requests wait here all workers are
 * busy, so new connections are taken at once.
 *
 * The wake-ups are none of the workers': the listeners are watched without EPOLLEXCLUSIVE, so each of them still goes
 * to a worker too. To be woken by each connection of a pool that has workers enough would be dear: after one event the
 * listeners are left alone until it is time to look.
 */

#include "park/entrance.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/nowait.h"
#include "park/intake.h"
#include "park/queue.h"

/* How long a connection may wait for a worker that is on its way. */
#define ENTRANCE_GRACE (2 * USEC_PER_MSEC)

/* When it is tried again for want of room, or descriptors. */
#define ENTRANCE_RETRY (10 * USEC_PER_MSEC)

/* Taken in one turn of the loop. */
#define ENTRANCE_AT_ONCE 64

bool entrance_is(const struct park *park, const void *what) {
        const struct entrance *e = &park->entrance;

        return (const int *)what >= e->fds && (const int *)what < e->fds + e->n;
}

static void entrance_lose(struct park *park, size_t i) {
        struct entrance *e = &park->entrance;

        (void)epoll_ctl(park->epoll_fd, EPOLL_CTL_DEL, e->fds[i], NULL);
        e->fds[i] = fd_close(e->fds[i]);
}

static void entrance_watch(struct park *park, bool on) {
        struct entrance *e = &park->entrance;

        for (size_t i = 0; i < e->n; i++) {
                struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = &e->fds[i] };

                if (e->fds[i] >= 0)
                        (void)epoll_ctl(park->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, e->fds[i], &event);
        }
}

int entrance_open(struct park *park, int first, size_t n) {
        struct entrance *e = &park->entrance;
        int r = intake_allow(park, &e->allow);

        if (r < 0)
                return r;
        e->fds = calloc(n, sizeof(int));
        if (!e->fds)
                return -ENOMEM;
        for (e->n = 0; e->n < n; e->n++)
                e->fds[e->n] = first + (int)e->n;
        entrance_watch(park, true);
        return 0;
}

void entrance_close(struct park *park) {
        struct entrance *e = &park->entrance;

        for (size_t i = 0; i < e->n; i++)
                if (e->fds[i] >= 0)
                        entrance_lose(park, i);
        e->n = 0;
        e->due = 0;
}

/* Those that are here have room, and those that workers hand over. */
static bool entrance_has_room(const struct park *park) {
        size_t max_bytes = park->pool->park_max_bytes;

        return park->n < park->n_max - park->n_max / 4 && park->n_bytes < max_bytes - max_bytes / 4;
}

/* A connection, and what has come of its request with it. */
static void entrance_add(struct park *park, int fd) {
        struct handover note = { .flags = HANDOVER_KEEP, .begun = park->now };
        ssize_t n;

        atomic_fetch_add_explicit(&park->numbers->accepted, 1, memory_order_relaxed);
        if (!allow_admits(&park->entrance.allow, fd, NULL)) {
                fd_close(fd);
                return;
        }
        n = recv(fd, park->buf, HANDOVER_BYTES_MAX, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
                fd_close(fd);
                return;
        }
        note.n_in = n > 0 ? (uint32_t)n : 0;
        intake_take(park, &note, fd);
}

/* When the listener is looked at again; USEC_INFINITY: when it has an event. */
static usec_t entrance_take(struct park *park, size_t i) {
        _cleanup_nowait_ struct nowait nowait;
        int listener = park->entrance.fds[i];

        (void)fd_keep_nonblock(listener); /* PHP code can clear it: also between this and the call */
        (void)nowait_begin(&nowait);
        for (unsigned n = 0; n < ENTRANCE_AT_ONCE; n++) {
                int fd;

                if (!entrance_has_room(park))
                        return park->now + ENTRANCE_RETRY;
                fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (fd >= 0)
                        entrance_add(park, fd);
                else if (errno == EAGAIN || (errno == EINTR && nowait.on))
                        return USEC_INFINITY;
                else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                        return park->now + ENTRANCE_RETRY;
                else if (errno == EINVAL || errno == EBADF) { /* shut: the pool has given it up */
                        entrance_lose(park, i);
                        return USEC_INFINITY;
                }
        }
        return park->now;
}

/* From each. */
static usec_t entrance_take_all(struct park *park) {
        usec_t at = USEC_INFINITY;

        for (size_t i = 0; i < park->entrance.n; i++)
                if (park->entrance.fds[i] >= 0)
                        at = MIN(at, entrance_take(park, i));
        return at;
}

static void entrance_wait(struct park *park, usec_t until) {
        if (park->entrance.due == 0)
                entrance_watch(park, false);
        park->entrance.due = until;
}

void entrance_on_event(struct park *park) {
        usec_t at = park->now + ENTRANCE_GRACE;

        if (park->entrance.due > 0)
                return;
        if (queue_length(park) > 0)
                at = entrance_take_all(park);
        if (at != USEC_INFINITY)
                entrance_wait(park, at);
}

usec_t entrance_enforce(struct park *park) {
        struct entrance *e = &park->entrance;
        usec_t at;

        if (e->due == 0)
                return USEC_INFINITY;
        if (park->now < e->due)
                return e->due;
        at = entrance_take_all(park);
        if (at != USEC_INFINITY) {
                e->due = at;
                return at;
        }
        e->due = 0;
        entrance_watch(park, true);
        return USEC_INFINITY;
}
