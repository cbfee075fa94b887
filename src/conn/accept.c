/* SPDX-License-Identifier: MIT */
/*
 * Three rules keep wake-ups from getting lost: one event per
 * epoll_wait(2), so that no reported listener is left unread; accept on the listener that was reported, not on a
 * favourite; and the doorbell for every path on which an event is not followed by its accept.
 */

#include "conn/accept.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

static bool accept_can_read(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };

        return poll(&p, 1, 0) > 0;
}

/* A new connection from one listener: ACCEPT_E_CONNECTION, 0 (nothing there any more), or -errno. */
static int accept_take(int listener, int *ret_fd) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
                *ret_fd = fd;
                return ACCEPT_E_CONNECTION;
        }
        switch (errno) {
        case EAGAIN:
        case EINTR:
        case ECONNABORTED:
        case EPERM: /* a firewall rule forbids this one: accept(2) */
        case EPROTO:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH:
                return 0;
        default:
                return -errno;
        }
}

/* After a ring of the doorbell: everything is tried. */
static int accept_take_any(struct acceptor *a, int *ret_fd) {
        uint64_t rings;
        int r = 0;

        if (read(a->doorbell, &rings, sizeof(rings)) < 0 && errno != EAGAIN)
                return -errno;
        for (size_t i = 0; i < a->n_listeners && r == 0; i++)
                r = accept_take(a->listeners[i], ret_fd);
        if (r == 0 && a->offers >= 0 && accept_can_read(a->offers))
                r = ACCEPT_E_OFFER;
        if (r != 0)
                fd_ring(a->doorbell); /* there may be more, here or behind */
        else
                a->others_since = 0;
        return r;
}

/* Something of others' is ready while a connection is kept. A request that has already come in on the kept one goes
 * first for a while, and the wake-up is handed to another worker: each time, since nobody knows how long that request
 * takes. */
static bool accept_serves_kept_first(struct acceptor *a) {
        if (!accept_can_read(a->kept))
                return false;
        if (a->others_since == 0)
                a->others_since = time_now();
        else if (time_now() - a->others_since >= ACCEPT_SPAN)
                return false;
        fd_ring(a->doorbell);
        return true;
}

static bool accept_is_over(const struct acceptor *a) {
        return a->latest && a->generation < *a->latest;
}

/* Milliseconds for epoll_wait(2). */
static int accept_timeout(const struct acceptor *a, bool ready, usec_t now) {
        if (ready)
                return 0;
        return a->kept < 0 ? -1 : time_left_msec(now, a->kept_until);
}

static int accept_take_at(struct acceptor *a, size_t i, int *ret_fd) {
        int r = accept_take(a->listeners[i], ret_fd);

        if (r == ACCEPT_E_CONNECTION)
                a->last = i;
        return r;
}

/* What a listener, the offers or the doorbell mean now; 0: nothing, for this worker. */
static int accept_act(struct acceptor *a, int what, int *ret_fd) {
        int r;

        if (accept_is_over(a))
                return ACCEPT_E_DRAIN; /* acceptor_leave() hands the wake-up on */
        if (what == ACCEPTOR_OFFERS)
                return ACCEPT_E_OFFER;
        r = what == ACCEPTOR_DOORBELL ? accept_take_any(a, ret_fd) : accept_take_at(a, (size_t)what, ret_fd);
        return r < 0 && accept_is_over(a) ? ACCEPT_E_DRAIN : r; /* over since then, and the listener shut (EINVAL) */
}

/* The same, while a connection is in hand. */
static int accept_weigh(struct acceptor *a, int what, bool ready) {
        a->kept_last = a->kept_alone = false;
        if (accept_is_over(a))
                return ACCEPT_E_DRAIN;
        if (!ready && a->kept >= 0 && accept_serves_kept_first(a))
                return ACCEPT_E_KEPT;
        a->reported = what;
        a->has_reported = true;
        return ACCEPT_E_YIELD;
}

void accept_hand_on(struct acceptor *a) {
        if (a->has_reported)
                fd_ring(a->doorbell);
        a->has_reported = false;
}

/* Requests on a kept connection between two looks at what waits, at least. */
#define ACCEPT_LOOK_REQUESTS 64U

/* Where something waits; ACCEPTOR_KEPT: nowhere. */
static int accept_look(const struct acceptor *a) {
        for (size_t i = 0; i < a->n_listeners; i++)
                if (accept_can_read(a->listeners[i]))
                        return (int)i;
        return a->offers >= 0 && accept_can_read(a->offers) ? ACCEPTOR_OFFERS : ACCEPTOR_KEPT;
}

/* The kept connection is ready. Twice in a row: epoll reports in turn, so nothing of others' is, as far as this worker
 * was woken for it, or rests. Where there are fewer CPUs than workers, the worker that was woken may still be
 * waiting for one, while this worker and its client have theirs: so it looks for itself once in a while. Not after each
 * few requests: where those take long, the other one gets its CPU in the meantime. */
static int accept_on_kept(struct acceptor *a) {
        usec_t now;

        a->kept_alone = a->kept_last;
        a->kept_last = true;
        if (a->kept_alone)
                a->others_since = 0;
        if (++a->n_kept_heard < ACCEPT_LOOK_REQUESTS)
                return ACCEPT_E_KEPT;
        a->n_kept_heard = 0;
        now = time_now();
        if (a->kept_looked == 0)
                a->kept_looked = now;
        if (now - a->kept_looked < ACCEPT_SPAN)
                return ACCEPT_E_KEPT;
        a->kept_looked = now;
        a->reported = accept_look(a);
        a->has_reported = a->reported != ACCEPTOR_KEPT;
        return a->has_reported ? ACCEPT_E_YIELD : ACCEPT_E_KEPT;
}

void accept_missed(struct acceptor *a) {
        spin_missed(&a->spin);
}

int accept_try(struct acceptor *a, bool in_hand, usec_t now, int *ret_fd) {
        if (a->has_reported)
                return 0;
        if (in_hand ? !a->kept_alone || a->n_kept_heard + 1 >= ACCEPT_LOOK_REQUESTS
                    : a->n_listeners == 0 || accept_is_over(a))
                return 0; /* not while others are known to wait, or may be */
        if (!spin_try(&a->spin, now))
                return 0;
        if (in_hand) {
                a->n_kept_heard++;
                return ACCEPT_E_KEPT;
        }
        if (accept_take_at(a, a->last, ret_fd) == ACCEPT_E_CONNECTION)
                return ACCEPT_E_CONNECTION;
        accept_missed(a);
        return 0; /* what is wrong with the listener the wait tells */
}

/* What a wait depends on; see accept_wait(). */
struct accept_state {
        bool in_hand;
        bool ready;
        bool rests; /* others watch the listeners and the offers */
        usec_t now;
};

/* One of the shelf is ready, and has nobody else to go to than this worker and, in a while, the park. */
static int accept_on_shelf(struct acceptor *a) {
        a->kept_last = a->kept_alone = false;
        return accept_is_over(a) ? ACCEPT_E_DRAIN : ACCEPT_E_SHELF;
}

/* One wait: an outcome, 0: nothing for this worker, or -errno. */
static int accept_hear(struct acceptor *a, struct accept_state *s, int *ret_fd) {
        struct epoll_event event;
        int what, r;

        r = epoll_wait(acceptor_epoll(a, s->rests), &event, 1, accept_timeout(a, s->ready, s->now));
        if (r < 0)
                return errno == EINTR ? 0 : -errno;
        if (r == 0)
                return s->ready ? accept_on_kept(a) : ACCEPT_E_TIMEOUT;
        what = (int)(int64_t)event.data.u64;
        switch (what) {
        case ACCEPTOR_LIFELINE:
        case ACCEPTOR_QUIT:
                return ACCEPT_E_DRAIN;
        case ACCEPTOR_KEPT:
                return accept_on_kept(a);
        case ACCEPTOR_SHELF:
                return accept_on_shelf(a);
        case ACCEPTOR_PARENT:
                s->rests = false;
                watchers_leave(a->watchers, a->slot, s->in_hand);
                acceptor_forget_watchers(a);
                return 0;
        case ACCEPTOR_BELL:
                s->rests = false;
                watchers_on_called(a->watchers, a->slot, s->in_hand);
                return 0;
        default:
                return s->in_hand ? accept_weigh(a, what, s->ready) : accept_act(a, what, ret_fd);
        }
}

int accept_wait(struct acceptor *a, bool in_hand, bool ready, usec_t now, int *ret_fd) {
        struct accept_state s = { .in_hand = in_hand, .ready = ready, .now = now };
        bool joined = ready;
        int r = 0;

        spin_wait(&a->spin);
        for (;; s.now = time_now()) {
                if (a->has_reported && !in_hand) {
                        a->has_reported = false;
                        r = accept_act(a, a->reported, ret_fd);
                }
                if (r == 0 && !joined) {
                        joined = true;
                        s.rests = !watchers_join(a->watchers, a->slot, in_hand);
                }
                if (r == 0 && !ready && a->kept >= 0 && acceptor_hear_kept(a, s.rests) < 0)
                        r = ACCEPT_E_YIELD; /* the park can hear it */
                if (r == 0)
                        r = accept_hear(a, &s, ret_fd);
                if (r != 0)
                        break;
        }
        if (!ready)
                watchers_leave(a->watchers, a->slot, in_hand);
        return r;
}
