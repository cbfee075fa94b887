/* SPDX-License-Identifier: MIT */
/*
 * The wait of a worker; see accept.h for the model. Three rules keep wake-ups from getting lost: one event per epoll_wait(2),
 * so that no reported listener is left unread; accept on the listener that was reported, not on a favourite; and the doorbell for
 * every path on which an event is not followed by its accept.
 */

#include "conn/accept.h"

#include <errno.h>
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
enum { WATCH_DOORBELL = -1, WATCH_LIFELINE = -2, WATCH_QUIT = -3, WATCH_KEPT = -4 };

static int acceptor_watch(struct acceptor *a, int fd, uint32_t events, int what) {
        struct epoll_event event = { .events = events, .data.u64 = (uint64_t)(int64_t)what };

        return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int acceptor_init(struct acceptor *a, const int *listeners, size_t n_listeners, int doorbell, int lifeline) {
        _cleanup_acceptor_ struct acceptor b = {
                .epoll_fd = -1, .doorbell = doorbell, .lifeline = lifeline, .quit = -1, .kept = -1
        };
        int r = 0;

        b.listeners = malloc(sizeof(int) * MAX(n_listeners, (size_t)1));
        if (!b.listeners)
                return -ENOMEM;
        memcpy(b.listeners, listeners, sizeof(int) * n_listeners);
        b.n_listeners = n_listeners;

        b.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (b.epoll_fd < 0)
                return -errno;
        b.quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (b.quit < 0)
                return -errno;

        for (size_t i = 0; i < n_listeners && r == 0; i++)
                r = acceptor_watch(&b, listeners[i], EPOLLIN | EPOLLEXCLUSIVE, (int)i);
        if (r == 0)
                r = acceptor_watch(&b, doorbell, EPOLLIN | EPOLLEXCLUSIVE, WATCH_DOORBELL);
        if (r == 0)
                r = acceptor_watch(&b, lifeline, EPOLLIN, WATCH_LIFELINE);
        if (r == 0)
                r = acceptor_watch(&b, b.quit, EPOLLIN, WATCH_QUIT);
        if (r < 0)
                return r;

        *a = b;
        b = (struct acceptor){ .epoll_fd = -1, .doorbell = -1, .lifeline = -1, .quit = -1, .kept = -1 };
        return 0;
}

void acceptor_done(struct acceptor *a) {
        for (size_t i = 0; i < a->n_listeners; i++)
                fd_close(a->listeners[i]);
        free(a->listeners);
        fd_close(a->epoll_fd);
        fd_close(a->doorbell);
        fd_close(a->lifeline);
        fd_close(a->quit);
        *a = (struct acceptor){ .epoll_fd = -1, .doorbell = -1, .lifeline = -1, .quit = -1, .kept = -1 };
}

int acceptor_keep(struct acceptor *a, int fd) {
        int r;

        if (a->kept == fd)
                return 0;
        r = acceptor_watch(a, fd, EPOLLIN | EPOLLRDHUP, WATCH_KEPT);
        if (r == 0)
                a->kept = fd;
        return r;
}

void acceptor_forget(struct acceptor *a) {
        if (a->kept < 0)
                return;
        epoll_ctl(a->epoll_fd, EPOLL_CTL_DEL, a->kept, NULL);
        a->kept = -1;
        a->yield = false;
}

void acceptor_leave(struct acceptor *a) {
        for (size_t i = 0; i < a->n_listeners; i++) {
                epoll_ctl(a->epoll_fd, EPOLL_CTL_DEL, a->listeners[i], NULL);
                fd_close(a->listeners[i]);
        }
        a->n_listeners = 0;
        epoll_ctl(a->epoll_fd, EPOLL_CTL_DEL, a->doorbell, NULL);
        fd_ring(a->doorbell);
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

static int acceptor_take_any(struct acceptor *a, int *ret_fd) {
        uint64_t rings;

        if (read(a->doorbell, &rings, sizeof(rings)) < 0 && errno != EAGAIN)
                return -errno;
        for (size_t i = 0; i < a->n_listeners; i++) {
                int r = acceptor_take(a->listeners[i], ret_fd);

                if (r != 0) {
                        fd_ring(a->doorbell); /* there may be more, here or behind */
                        return r;
                }
        }
        return 0;
}

/* A listener has something while a connection is kept. A request that has already come in on the kept one must not be lost with
 * it: it is served first, once, and the wake-up handed to another worker. */
static bool acceptor_serve_kept_first(struct acceptor *a) {
        if (a->kept < 0 || a->yield || !fd_readable(a->kept))
                return false;
        a->yield = true;
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

int acceptor_wait(struct acceptor *a, int *ret_fd) {
        for (;;) {
                struct epoll_event event;
                int what, r;

                r = epoll_wait(a->epoll_fd, &event, 1, -1);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -errno;

                what = (int)(int64_t)event.data.u64;
                switch (what) {
                case WATCH_LIFELINE:
                case WATCH_QUIT:
                        return ACCEPT_E_DRAIN;
                case WATCH_KEPT:
                        return ACCEPT_E_KEPT;
                default:
                        if (acceptor_is_over(a))
                                return ACCEPT_E_DRAIN; /* acceptor_leave() hands the wake-up on */
                        if (acceptor_serve_kept_first(a))
                                return ACCEPT_E_KEPT;
                        if (what == WATCH_DOORBELL)
                                r = acceptor_take_any(a, ret_fd);
                        else
                                r = acceptor_take(a->listeners[what], ret_fd);
                        if (r != 0)
                                return r;
                }
        }
}
