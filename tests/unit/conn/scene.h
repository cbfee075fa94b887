/* SPDX-License-Identifier: MIT */
#pragma once
/* Two listeners, the offers, the doorbell and an acceptor on them: what the tests of the wait share. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/fd.h"
#include "conn/accept.h"
#include "conn/handover.h"

struct scene {
        int listeners[2];
        struct addr addrs[2];
        int doorbell;
        int offers[2];
        int lifeline[2];
        struct acceptor a;
        struct watchers *watchers; /* of new acceptors; they have numbers */
};

/* An unnamed address: the kernel picks an abstract one (unix(7), autobind). */
static inline int new_listener(struct addr *ret) {
        sa_family_t family = AF_UNIX;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&family, sizeof(family)), 0);
        assert_int_equal(listen(fd, 64), 0);
        assert_int_equal(addr_of_socket(fd, ret), 0);
        return fd;
}

static inline void new_acceptor(struct scene *s, struct acceptor *a, unsigned first) {
        int fds[2] = { dup(s->listeners[0]), dup(s->listeners[1]) };

        const struct acceptor_sources sources = { .listeners = fds,
                                                  .n_listeners = 2,
                                                  .offers = dup(s->offers[0]),
                                                  .doorbell = dup(s->doorbell),
                                                  .lifeline = dup(s->lifeline[0]),
                                                  .first = first,
                                                  .watchers = s->watchers,
                                                  .slot = first };

        assert_int_equal(acceptor_init(a, &sources), 0);
}

static inline int set_up(void **state) {
        struct scene *s = calloc(1, sizeof(*s));

        for (int i = 0; i < 2; i++)
                s->listeners[i] = new_listener(&s->addrs[i]);
        s->doorbell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_int_equal(pipe(s->lifeline), 0);
        assert_int_equal(handover_pair(s->offers), 0);
        new_acceptor(s, &s->a, 0);
        *state = s;
        return 0;
}

static inline int tear_down(void **state) {
        struct scene *s = *state;

        acceptor_done(&s->a);
        for (int i = 0; i < 2; i++) {
                fd_close(s->listeners[i]);
                fd_close(s->lifeline[i]);
                fd_close(s->offers[i]);
        }
        fd_close(s->doorbell);
        free(s);
        return 0;
}

static inline int connect_to(const struct scene *s, int which) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, &s->addrs[which].sa, s->addrs[which].n), 0);
        return fd;
}

static inline bool rings(const struct scene *s) {
        struct pollfd p = { .fd = s->doorbell, .events = POLLIN };

        return poll(&p, 1, 0) > 0;
}

/* A connection that is kept, and what its client has. */
static inline void keep(struct scene *s, int ends[static 2], usec_t until) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        acceptor_keep(&s->a, ends[0], until);
}

static inline void close_both(const int ends[static 2]) {
        fd_close(ends[0]);
        fd_close(ends[1]);
}

/* The kept connection is given up for one that has come in. */
static inline void assert_takes_a_new_one_instead(struct scene *s) {
        int fd = -1;

        assert_int_equal(accept_wait(&s->a, true, false, time_now(), &fd), ACCEPT_E_YIELD);
        acceptor_forget(&s->a);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_CONNECTION);
        fd_close(fd);
}
