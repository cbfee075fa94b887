/* SPDX-License-Identifier: MIT */
/* Arrays with two elements: [true] is for a worker that rests, or for one that has a connection in hand. */

#include "conn/acceptor.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"

static int acceptor_watch_in(int epoll_fd, int fd, uint32_t events, int what) {
        struct epoll_event event = { .events = events, .data.u64 = (uint64_t)(int64_t)what };

        return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int acceptor_watch(struct acceptor *a, int fd, uint32_t events, int what) {
        return acceptor_watch_in(a->epoll_fd, fd, events, what);
}

/* The order to end, which every wait hears. */
static int acceptor_watch_orders(const struct acceptor *a, int epoll_fd) {
        int r;

        r = acceptor_watch_in(epoll_fd, a->lifeline, EPOLLIN, ACCEPTOR_LIFELINE);
        if (r == 0)
                r = acceptor_watch_in(epoll_fd, a->quit, EPOLLIN, ACCEPTOR_QUIT);
        if (r == 0 && a->watchers)
                r = acceptor_watch_in(epoll_fd, watchers_parent(a->watchers), EPOLLIN, ACCEPTOR_PARENT);
        return r;
}

static int acceptor_init_rest(struct acceptor *a, bool holding) {
        int r;

        if (!a->watchers)
                return 0;
        a->rest_fds[holding] = epoll_create1(EPOLL_CLOEXEC);
        if (a->rest_fds[holding] < 0)
                return -errno;
        r = acceptor_watch_in(a->rest_fds[holding], watchers_bell(a->watchers, holding), EPOLLIN | EPOLLEXCLUSIVE,
                              ACCEPTOR_BELL);
        if (r == 0)
                r = acceptor_watch_orders(a, a->rest_fds[holding]);
        return r;
}

/* Holds nothing. */
static const struct acceptor acceptor_empty = { .epoll_fd = -1,
                                                .rest_fds = { -1, -1 },
                                                .offers = -1,
                                                .doorbell = -1,
                                                .lifeline = -1,
                                                .quit = -1,
                                                .kept = -1,
                                                .shelf = -1 };

/* epoll reports what was ready when it was added in the order of adding. */
static int acceptor_watch_clients(struct acceptor *a, unsigned first) {
        size_t n = a->n_listeners + 1;
        int r = 0;

        for (size_t k = 0; k < n && r == 0; k++) {
                size_t i = (first + k) % n;

                if (i < a->n_listeners)
                        r = acceptor_watch(a, a->listeners[i], EPOLLIN | EPOLLEXCLUSIVE, (int)i);
                else if (a->offers >= 0)
                        r = acceptor_watch(a, a->offers, EPOLLIN | EPOLLEXCLUSIVE, ACCEPTOR_OFFERS);
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

        b.watchers = s->watchers;
        b.slot = s->slot;
        b.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (b.epoll_fd < 0)
                return -errno;
        b.quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (b.quit < 0)
                return -errno;

        if (acceptor_init_rest(&b, false) < 0 || acceptor_init_rest(&b, true) < 0)
                b.watchers = NULL; /* descriptors are short: it never rests */
        r = acceptor_watch_clients(&b, s->first);
        if (r == 0)
                r = acceptor_watch(&b, b.doorbell, EPOLLIN | EPOLLEXCLUSIVE, ACCEPTOR_DOORBELL);
        if (r == 0)
                r = acceptor_watch_orders(&b, b.epoll_fd);
        if (r < 0)
                return r;

        *a = b;
        b = acceptor_empty;
        return 0;
}

void acceptor_set_generation(struct acceptor *a, const volatile uint32_t *latest, uint32_t generation) {
        a->latest = latest;
        a->generation = generation;
}

void acceptor_done(struct acceptor *a) {
        for (size_t i = 0; i < a->n_listeners; i++)
                fd_close(a->listeners[i]);
        free(a->listeners);
        fd_close(a->epoll_fd);
        fd_close(a->rest_fds[false]);
        fd_close(a->rest_fds[true]);
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

void acceptor_forget_watchers(struct acceptor *a) {
        acceptor_unwatch(a, watchers_parent(a->watchers));
        a->watchers = NULL;
}

int acceptor_hear_kept(struct acceptor *a, bool rests) {
        int r = 0;

        if (!a->kept_heard[rests])
                r = acceptor_watch_in(acceptor_epoll(a, rests), a->kept, EPOLLIN | EPOLLRDHUP, ACCEPTOR_KEPT);
        if (r == 0)
                a->kept_heard[rests] = true;
        return r;
}

void acceptor_keep(struct acceptor *a, int fd, usec_t until) {
        a->kept_until = until;
        if (a->kept == fd)
                return;
        a->kept = fd;
        a->kept_looked = a->n_kept_heard = 0;
}

void acceptor_forget(struct acceptor *a) {
        for (int rests = 0; rests < 2; rests++)
                if (a->kept_heard[rests])
                        epoll_ctl(acceptor_epoll(a, rests), EPOLL_CTL_DEL, a->kept, NULL);
        a->kept_heard[false] = a->kept_heard[true] = false;
        a->kept = -1;
        a->others_since = 0;
        a->kept_last = a->kept_alone = false;
}

int acceptor_hear_shelf(struct acceptor *a, int epoll_fd) {
        int r;

        if (a->shelf == epoll_fd)
                return 0;
        r = acceptor_watch(a, epoll_fd, EPOLLIN, ACCEPTOR_SHELF);
        for (int holding = 0; holding < 2 && r == 0; holding++)
                if (a->rest_fds[holding] >= 0)
                        r = acceptor_watch_in(a->rest_fds[holding], epoll_fd, EPOLLIN, ACCEPTOR_SHELF);
        if (r == 0)
                a->shelf = epoll_fd;
        return r;
}

void acceptor_forget_offers(struct acceptor *a) {
        acceptor_unwatch(a, a->offers);
        a->offers = fd_close(a->offers);
}

static void acceptor_leave_listeners(struct acceptor *a) {
        acceptor_forget_watchers(a); /* which the end of its last wait has taken it off */
        for (size_t i = 0; i < a->n_listeners; i++) {
                acceptor_unwatch(a, a->listeners[i]);
                fd_close(a->listeners[i]);
        }
        a->n_listeners = 0;
        a->has_reported = false;
}

void acceptor_leave(struct acceptor *a) {
        acceptor_leave_listeners(a);
        acceptor_unwatch(a, a->doorbell);
        acceptor_forget_offers(a);
        fd_ring(a->doorbell);
}

void acceptor_leave_for_offers(struct acceptor *a) {
        acceptor_leave_listeners(a);
        acceptor_unwatch(a, a->lifeline);
        acceptor_unwatch(a, a->quit);
        fd_ring(a->doorbell); /* and goes on to hear it: an offer may have woken a worker that dies of it */
}
