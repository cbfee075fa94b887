/* SPDX-License-Identifier: MIT */
/* conn/accept.h: what wakes a worker, and that no wake-up is lost. Real sockets; two acceptors stand for two workers. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/fd.h"
#include "conn/accept.h"

struct scene {
        int listeners[2];
        struct addr addrs[2];
        int doorbell;
        int lifeline[2];
        struct acceptor a;
};

/* An unnamed address: the kernel picks an abstract one (unix(7), autobind). */
static int new_listener(struct addr *ret) {
        sa_family_t family = AF_UNIX;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&family, sizeof(family)), 0);
        assert_int_equal(listen(fd, 64), 0);
        assert_int_equal(addr_of_socket(fd, ret), 0);
        return fd;
}

static void new_acceptor(struct scene *s, struct acceptor *a) {
        int fds[2] = { dup(s->listeners[0]), dup(s->listeners[1]) };

        assert_int_equal(acceptor_init(a, fds, 2, dup(s->doorbell), dup(s->lifeline[0])), 0);
}

static int set_up(void **state) {
        struct scene *s = calloc(1, sizeof(*s));

        for (int i = 0; i < 2; i++)
                s->listeners[i] = new_listener(&s->addrs[i]);
        s->doorbell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_int_equal(pipe(s->lifeline), 0);
        new_acceptor(s, &s->a);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;

        acceptor_done(&s->a);
        for (int i = 0; i < 2; i++) {
                fd_close(s->listeners[i]);
                fd_close(s->lifeline[i]);
        }
        fd_close(s->doorbell);
        free(s);
        return 0;
}

static int connect_to(const struct scene *s, int which) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, &s->addrs[which].sa, s->addrs[which].n), 0);
        return fd;
}

static bool rings(const struct scene *s) {
        struct pollfd p = { .fd = s->doorbell, .events = POLLIN };

        return poll(&p, 1, 0) > 0;
}

static void test_a_connection_on_any_listener(void **state) {
        struct scene *s = *state;

        for (int i = 0; i < 2; i++) {
                int client = connect_to(s, i), fd = -1;

                assert_int_equal(acceptor_wait(&s->a, &fd), ACCEPT_E_CONNECTION);
                assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
                assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
                fd_close(fd);
                fd_close(client);
        }
}

static void test_the_doorbell_makes_one_look_at_every_listener(void **state) {
        struct scene *s = *state;
        int client = connect_to(s, 1), fd = -1;
        struct acceptor b;

        /* another worker is woken for it, and ends: what it leaves behind is the doorbell */
        new_acceptor(s, &b);
        acceptor_leave(&b);
        acceptor_done(&b);
        assert_true(rings(s));
        assert_int_equal(acceptor_wait(&s->a, &fd), ACCEPT_E_CONNECTION);
        fd_close(fd);
        fd_close(client);
}

static void test_who_found_something_rings_again(void **state) {
        struct scene *s = *state;
        int clients[3], fd;

        for (int i = 0; i < 3; i++)
                clients[i] = connect_to(s, i % 2);
        fd_ring(s->doorbell);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(acceptor_wait(&s->a, &fd), ACCEPT_E_CONNECTION);
                fd_close(fd);
                fd_close(clients[i]);
        }
        /* the ringing ends with the first fruitless look: the wait goes on to the lifeline */
        s->lifeline[1] = fd_close(s->lifeline[1]);
        assert_int_equal(acceptor_wait(&s->a, &fd), ACCEPT_E_DRAIN);
}

static void test_the_kept_connection_wakes(void **state) {
        struct scene *s = *state;
        int ends[2], fd;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(acceptor_keep(&s->a, ends[0]), 0);
        assert_int_equal(acceptor_keep(&s->a, ends[0]), 0); /* already */
        assert_int_equal(write(ends[1], "x", 1), 1);
        assert_int_equal(acceptor_wait(&s->a, &fd), ACCEPT_E_KEPT);
        acceptor_forget(&s->a);
        fd_close(ends[0]);
        fd_close(ends[1]);
}

static void test_a_new_connection_wins_over_an_idle_kept_one(void **state) {
        struct scene *s = *state;
        int ends[2], fd = -1, client;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(acceptor_keep(&s->a, ends[0]), 0);
        client = connect_to(s, 0);
        assert_int_equal(acceptor_wait(&s->a, &fd), ACCEPT_E_CONNECTION);
        acceptor_forget(&s->a);
        fd_close(fd);
        fd_close(client);
        fd_close(ends[0]);
        fd_close(ends[1]);
}

static void test_a_request_on_the_kept_one_is_served_once_more_and_the_wakeup_handed_on(void **state) {
        struct scene *s = *state;
        int ends[2], fd = -1, client;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        client = connect_to(s, 0);
        assert_int_equal(acceptor_keep(&s->a, ends[0]), 0);
        assert_int_equal(write(ends[1], "x", 1), 1);
        assert_int_equal(acceptor_wait(&s->a, &fd), ACCEPT_E_KEPT);
        if (s->a.yield) /* it was the listener that was reported */
                assert_true(rings(s));
        acceptor_forget(&s->a);
        assert_false(s->a.yield);
        assert_int_equal(acceptor_wait(&s->a, &fd), ACCEPT_E_CONNECTION);
        fd_close(fd);
        fd_close(client);
        fd_close(ends[0]);
        fd_close(ends[1]);
}

static void test_quit_and_lifeline_end_it(void **state) {
        struct scene *s = *state;
        int fd;

        assert_false(acceptor_should_drain(&s->a));
        fd_ring(s->a.quit);
        assert_true(acceptor_should_drain(&s->a));
        assert_int_equal(acceptor_wait(&s->a, &fd), ACCEPT_E_DRAIN);
}

static void test_who_has_left_takes_nothing(void **state) {
        struct scene *s = *state;
        int client, fd = -1;

        acceptor_leave(&s->a);
        client = connect_to(s, 0);
        fd_ring(s->doorbell);
        s->lifeline[1] = fd_close(s->lifeline[1]);
        assert_int_equal(acceptor_wait(&s->a, &fd), ACCEPT_E_DRAIN);
        fd = accept(s->listeners[0], NULL, NULL); /* it is still there for the others */
        assert_true(fd >= 0);
        fd_close(fd);
        fd_close(client);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(test_a_connection_on_any_listener),
                T(test_the_doorbell_makes_one_look_at_every_listener),
                T(test_who_found_something_rings_again),
                T(test_the_kept_connection_wakes),
                T(test_a_new_connection_wins_over_an_idle_kept_one),
                T(test_a_request_on_the_kept_one_is_served_once_more_and_the_wakeup_handed_on),
                T(test_quit_and_lifeline_end_it),
                T(test_who_has_left_takes_nothing),
#undef T
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
