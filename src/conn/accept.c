/* SPDX-License-Identifier: MIT */
/*
 * The wait of a worker; see accept.h for the model. Three rules keep wake-ups from getting lost: one event per epoll_wait(2),
 * so that no reported listener is left unread; accept on the listener that was reported, not on a favourite; and the doorbell for
 * every path on which an event is not followed by its accept.
 */

#include "conn/accept.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

/* What an epoll event is about; listeners have their index. */
enum { WATCH_DOORBELL = -1, WATCH_LIFELINE = -2, WATCH_QUIT = -3, WATCH_KEPT = -4, WATCH_OFFERS = -5 };

static int acceptor_watch(struct acceptor *a, int fd, uint32_t events, int what) {
        struct epoll_event event = { .events = events, .data.u64 = (uint64_t)(int64_t)what };

        return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Holds nothing. */
static const struct acceptor acceptor_empty = {
        .epoll_fd = -1, .offers = -1, .doorbell = -1, .lifeline = -1, .quit = -1, .kept = -1
};

/* epoll reports what was ready when it was added in the order of adding. */
static int acceptor_watch_clients(struct acceptor *a, unsigned first) {
        size_t n = a->n_listeners + 1;
        int r = 0;

        for (size_t k = 0; k < n && r == 0; k++) {
                size_t i = (first + k) % n;

                if (i < a->n_listeners)
                        r = acceptor_watch(a, a->listeners[i], EPOLLIN | EPOLLEXCLUSIVE, (int)i);
                else if (a->offers >= 0)
                        r = acceptor_watch(a, a->offers, EPOLLIN | EPOLLEXCLUSIVE, WATCH_OFFERS);
        }
        return r;
}

int acceptor_init(struct acceptor *a, const struct acceptor_sources *s) {
        _cleanup_acceptor_ struct acceptor b = acceptor_empty;
        int r = 0;

        b.offers = s->offers;
        b.doorbell = s->doorbell;
        b.lifeline = s->lifeline;
        b.listeners = malloc(sizeof(int) * MAX(s->n_listeners, (size_t)1));
        if (!b.listeners)
                return -ENOMEM;
        memcpy(b.listeners, s->listeners, sizeof(int) * s->n_listeners);
        b.n_listeners = s->n_listeners;

        b.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (b.epoll_fd < 0)
                return -errno;
        b.quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (b.quit < 0)
                return -errno;

        r = acceptor_watch_clients(&b, s->first);
        if (r == 0)
                r = acceptor_watch(&b, b.doorbell, EPOLLIN | EPOLLEXCLUSIVE, WATCH_DOORBELL);
        if (r == 0)
                r = acceptor_watch(&b, b.lifeline, EPOLLIN, WATCH_LIFELINE);
        if (r == 0)
                r = acceptor_watch(&b, b.quit, EPOLLIN, WATCH_QUIT);
        if (r < 0)
                return r;

        *a = b;
        b = acceptor_empty;
        return 0;
}

void acceptor_done(struct acceptor *a) {
        for (size_t i = 0; i < a->n_listeners; i++)
                fd_close(a->listeners[i]);
        free(a->listeners);
        fd_close(a->epoll_fd);
        fd_close(a->offers);
        fd_close(a->doorbell);
        fd_close(a->lifeline);
        fd_close(a->quit);
        *a = acceptor_empty;
}

static void acceptor_unwatch(struct acceptor *a, int fd) {
        if (fd >= 0)
                epoll_ctl(a->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

int acceptor_keep(struct acceptor *a, int fd, usec_t until) {
        int r;

        a->kept_until = until;
        if (a->kept == fd)
                return 0;
        r = acceptor_watch(a, fd, EPOLLIN | EPOLLRDHUP, WATCH_KEPT);
        if (r == 0) {
                a->kept = fd;
                a->kept_looked = a->kept_heard = 0;
        }
        return r;
}

void acceptor_forget(struct acceptor *a) {
        acceptor_unwatch(a, a->kept);
        a->kept = -1;
        a->others_since = 0;
        a->kept_last = a->kept_alone = false;
}

void acceptor_forget_offers(struct acceptor *a) {
        acceptor_unwatch(a, a->offers);
        a->offers = fd_close(a->offers);
}

static void acceptor_leave_listeners(struct acceptor *a) {
        for (size_t i = 0; i < a->n_listeners; i++) {
                acceptor_unwatch(a, a->listeners[i]);
                fd_close(a->listeners[i]);
        }
        a->n_listeners = 0;
        acceptor_unwatch(a, a->doorbell);
}

void acceptor_leave(struct acceptor *a) {
        acceptor_leave_listeners(a);
        acceptor_forget_offers(a);
        fd_ring(a->doorbell);
        a->has_reported = false;
}

void acceptor_leave_for_offers(struct acceptor *a) {
        acceptor_leave_listeners(a);
        acceptor_unwatch(a, a->lifeline);
        acceptor_unwatch(a, a->quit);
        fd_ring(a->doorbell);
        a->has_reported = false;
}

static bool fd_readable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };

        return poll(&p, 1, 0) > 0;
}

bool acceptor_should_drain(const struct acceptor *a) {
        struct pollfd p[2] = { { .fd = a->quit, .events = POLLIN }, { .fd = a->lifeline, .events = POLLIN } };

        return poll(p, ELEMENTSOF(p), 0) > 0;
}

/* A new connection from one listener: ACCEPT_E_CONNECTION, 0 (nothing there any more), or -errno. */
static int acceptor_take(int listener, int *ret_fd) {
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
static int acceptor_take_any(struct acceptor *a, int *ret_fd) {
        uint64_t rings;
        int r = 0;

        if (read(a->doorbell, &rings, sizeof(rings)) < 0 && errno != EAGAIN)
                return -errno;
        for (size_t i = 0; i < a->n_listeners && r == 0; i++)
                r = acceptor_take(a->listeners[i], ret_fd);
        if (r == 0 && a->offers >= 0 && fd_readable(a->offers))
                r = ACCEPT_E_OFFER;
        if (r != 0)
                fd_ring(a->doorbell); /* there may be more, here or behind */
        else
                a->others_since = 0;
        return r;
}

/* Something of others' is ready while a connection is kept. A request that has already come in on the kept one goes first for a while, and the wake-up is
 * handed to another worker: once, since those that come within that while are this worker's when it is over. */
static bool acceptor_serve_kept_first(struct acceptor *a) {
        if (!fd_readable(a->kept))
                return false;
        if (a->others_since > 0)
                return time_now() - a->others_since < ACCEPT_SPAN;
        a->others_since = time_now();
        fd_ring(a->doorbell);
        return true;
}

void acceptor_set_generation(struct acceptor *a, const volatile uint32_t *latest, uint32_t generation) {
        a->latest = latest;
        a->generation = generation;
}

static bool acceptor_is_over(const struct acceptor *a) {
        return a->latest && a->generation < *a->latest;
}

/* Milliseconds for epoll_wait(2). */
static int acceptor_timeout(const struct acceptor *a, bool ready, usec_t now) {
        if (ready)
                return 0;
        if (a->kept < 0 || a->kept_until == USEC_INFINITY)
                return -1;
        return a->kept_until <= now
                       ? 0
                       : (int)MIN((a->kept_until - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC, (usec_t)INT_MAX);
}

static int acceptor_take_at(struct acceptor *a, size_t i, int *ret_fd) {
        int r = acceptor_take(a->listeners[i], ret_fd);

        if (r == ACCEPT_E_CONNECTION)
                a->last = i;
        return r;
}

/* What a listener, the offers or the doorbell mean now; 0: nothing, for this worker. */
static int acceptor_act(struct acceptor *a, int what, int *ret_fd) {
        if (acceptor_is_over(a))
                return ACCEPT_E_DRAIN; /* acceptor_leave() hands the wake-up on */
        switch (what) {
        case WATCH_DOORBELL:
                return acceptor_take_any(a, ret_fd);
        case WATCH_OFFERS:
                return ACCEPT_E_OFFER;
        default:
                return acceptor_take_at(a, (size_t)what, ret_fd);
        }
}

/* The same, while a connection is in hand. */
static int acceptor_weigh(struct acceptor *a, int what, bool ready) {
        a->kept_last = a->kept_alone = false;
        if (acceptor_is_over(a))
                return ACCEPT_E_DRAIN;
        if (!ready && a->kept >= 0 && acceptor_serve_kept_first(a))
                return ACCEPT_E_KEPT;
        a->reported = what;
        a->has_reported = true;
        return ACCEPT_E_YIELD;
}

void acceptor_hand_on(struct acceptor *a) {
        if (a->has_reported)
                fd_ring(a->doorbell);
        a->has_reported = false;
}

/* Requests on a kept connection between two looks at what waits, at least. */
#define ACCEPT_LOOK_REQUESTS 64U

/* Where something waits; WATCH_KEPT: nowhere. */
static int acceptor_look(const struct acceptor *a) {
        for (size_t i = 0; i < a->n_listeners; i++)
                if (fd_readable(a->listeners[i]))
                        return (int)i;
        return a->offers >= 0 && fd_readable(a->offers) ? WATCH_OFFERS : WATCH_KEPT;
}

/* The kept connection is ready. Twice in a row: epoll reports in turn, so nothing of others' is, as far as this worker was woken for it. Where there are fewer CPUs
 * than workers, who was woken may still be waiting for one, while this worker and its client have theirs: so it looks for itself once in a while. Not after each few
 * requests: where those take long, who was woken gets its CPU in the meantime. */
static int acceptor_on_kept(struct acceptor *a) {
        usec_t now;

        a->kept_alone = a->kept_last;
        a->kept_last = true;
        if (a->kept_alone)
                a->others_since = 0;
        if (++a->kept_heard < ACCEPT_LOOK_REQUESTS)
                return ACCEPT_E_KEPT;
        a->kept_heard = 0;
        now = time_now();
        if (a->kept_looked == 0)
                a->kept_looked = now;
        if (now - a->kept_looked < ACCEPT_SPAN)
                return ACCEPT_E_KEPT;
        a->kept_looked = now;
        a->reported = acceptor_look(a);
        a->has_reported = a->reported != WATCH_KEPT;
        return a->has_reported ? ACCEPT_E_YIELD : ACCEPT_E_KEPT;
}

void acceptor_missed(struct acceptor *a) {
        streak_missed(&a->streak);
}

int acceptor_try(struct acceptor *a, bool in_hand, usec_t now, int *ret_fd) {
        if (a->has_reported)
                return 0;
        if (in_hand ? !a->kept_alone || a->kept_heard + 1 >= ACCEPT_LOOK_REQUESTS
                    : a->n_listeners == 0 || acceptor_is_over(a))
                return 0; /* not at the expense of somebody who may be known to wait */
        if (!streak_try(&a->streak, now))
                return 0;
        if (in_hand) {
                a->kept_heard++;
                return ACCEPT_E_KEPT;
        }
        if (acceptor_take_at(a, a->last, ret_fd) == ACCEPT_E_CONNECTION)
                return ACCEPT_E_CONNECTION;
        acceptor_missed(a);
        return 0; /* what is wrong with the listener the wait tells */
}

int acceptor_wait(struct acceptor *a, bool in_hand, bool ready, usec_t now, int *ret_fd) {
        streak_wait(&a->streak);
        for (;; now = time_now()) {
                struct epoll_event event;
                int what, r;

                if (a->has_reported && !in_hand) {
                        a->has_reported = false;
                        r = acceptor_act(a, a->reported, ret_fd);
                        if (r != 0)
                                return r;
                }
                r = epoll_wait(a->epoll_fd, &event, 1, acceptor_timeout(a, ready, now));
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -errno;
                if (r == 0)
                        return ready ? acceptor_on_kept(a) : ACCEPT_E_TIMEOUT;

                what = (int)(int64_t)event.data.u64;
                switch (what) {
                case WATCH_LIFELINE:
                case WATCH_QUIT:
                        return ACCEPT_E_DRAIN;
                case WATCH_KEPT:
                        return acceptor_on_kept(a);
                default:
                        r = in_hand ? acceptor_weigh(a, what, ready) : acceptor_act(a, what, ret_fd);
                        if (r != 0)
                                return r;
                }
        }
}
