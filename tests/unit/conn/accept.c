/* SPDX-License-Identifier: MIT */
/* conn/accept.h: what wakes a worker, and that no wake-up is lost. Real sockets; two acceptors stand for two workers.
 */

#include "scene.h"

/* The master publishes a new generation, and shuts the listener, just before a worker accepts. */
static volatile uint32_t *promoted;

int __real_accept4(int fd, struct sockaddr *addr, socklen_t *n, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *n, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *n, int flags) {
        if (promoted) {
                *promoted += 1;
                promoted = NULL;
                errno = EINVAL; /* of a TCP socket that does not listen any more */
                return -1;
        }
        return __real_accept4(fd, addr, n, flags);
}

static void test_a_connection_on_any_listener(void **state) {
        struct scene *s = *state;

        for (int i = 0; i < 2; i++) {
                int client = connect_to(s, i), fd = -1;

                assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_CONNECTION);
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
        new_acceptor(s, &b, 0);
        acceptor_leave(&b);
        acceptor_done(&b);
        assert_true(rings(s));
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_CONNECTION);
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
                assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_CONNECTION);
                fd_close(fd);
                fd_close(clients[i]);
        }
        /* the ringing ends with the first fruitless look: the wait goes on to the lifeline */
        s->lifeline[1] = fd_close(s->lifeline[1]);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_DRAIN);
}

static void test_the_kept_connection_wakes(void **state) {
        struct scene *s = *state;
        int ends[2], fd;

        keep(s, ends, USEC_INFINITY);
        acceptor_keep(&s->a, ends[0], USEC_INFINITY); /* already */
        assert_int_equal(write(ends[1], "x", 1), 1);
        assert_int_equal(accept_wait(&s->a, true, false, time_now(), &fd), ACCEPT_E_KEPT);
        acceptor_forget(&s->a);
        close_both(ends);
}

static void test_the_kept_connection_has_its_time(void **state) {
        struct scene *s = *state;
        int ends[2], fd;
        usec_t begun = time_now();

        keep(s, ends, begun + 20 * USEC_PER_MSEC);
        assert_int_equal(accept_wait(&s->a, true, false, time_now(), &fd), ACCEPT_E_TIMEOUT);
        assert_true(time_now() - begun >= 20 * USEC_PER_MSEC);
        acceptor_forget(&s->a);
        close_both(ends);
}

static void test_a_new_connection_wins_over_an_idle_kept_one(void **state) {
        struct scene *s = *state;
        int ends[2], client;

        keep(s, ends, USEC_INFINITY);
        client = connect_to(s, 0);
        assert_takes_a_new_one_instead(s);
        fd_close(client);
        close_both(ends);
}

static void test_who_cannot_take_what_it_yielded_for_hands_it_on(void **state) {
        struct scene *s = *state;
        int ends[2], fd = -1, client;

        keep(s, ends, USEC_INFINITY);
        client = connect_to(s, 0);
        assert_int_equal(accept_wait(&s->a, true, false, time_now(), &fd), ACCEPT_E_YIELD);
        accept_hand_on(&s->a);
        assert_true(rings(s));
        acceptor_forget(&s->a);
        fd_close(client);
        close_both(ends);
}

static void test_requests_on_the_kept_one_go_first_for_a_while_and_each_wakeup_is_handed_on(void **state) {
        struct scene *s = *state;
        unsigned n_kept = 0, n_rings = 0;
        int ends[2], fd = -1, client, r;
        usec_t begun;

        keep(s, ends, USEC_INFINITY);
        client = connect_to(s, 0);
        assert_int_equal(write(ends[1], "x", 1), 1); /* never read: there is always a next request */
        begun = time_now();
        while ((r = accept_wait(&s->a, true, false, time_now(), &fd)) == ACCEPT_E_KEPT) {
                uint64_t v;

                n_kept++;
                n_rings += read(s->doorbell, &v, sizeof(v)) == sizeof(v);
        }
        assert_int_equal(r, ACCEPT_E_YIELD);
        assert_true(time_now() - begun >= ACCEPT_SPAN);
        assert_true(n_kept > 1);
        assert_true(n_rings >=
                    n_kept / 2); /* epoll reports the two in turn, and nobody knows how long a request will take */
        acceptor_forget(&s->a);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_CONNECTION);
        fd_close(fd);
        fd_close(client);
        close_both(ends);
}

static void test_who_is_woken_for_nothing_looks_for_himself_once_in_a_while(void **state) {
        struct scene *s = *state;
        int ends[2], fd = -1, client, r;
        struct acceptor b;
        usec_t begun;

        /* the wake-up goes to another worker, which does not come to act on it */
        acceptor_leave(&s->a);
        acceptor_done(&s->a);
        new_acceptor(s, &b, 0);
        client = connect_to(s, 0);
        new_acceptor(s, &s->a, 0);
        epoll_ctl(s->a.epoll_fd, EPOLL_CTL_DEL, s->a.listeners[0], NULL);
        keep(s, ends, USEC_INFINITY);
        assert_int_equal(write(ends[1], "x", 1), 1);
        begun = time_now();
        while ((r = accept_wait(&s->a, true, false, time_now(), &fd)) == ACCEPT_E_KEPT)
                assert_true(time_now() - begun < 10 * USEC_PER_SEC);
        assert_int_equal(r, ACCEPT_E_YIELD);
        acceptor_forget(&s->a);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_CONNECTION);
        fd_close(fd);
        fd_close(client);
        close_both(ends);
        acceptor_done(&b);
}

static void test_a_request_that_had_its_turn_comes_after_others(void **state) {
        struct scene *s = *state;
        int ends[2], fd = -1, client;

        keep(s, ends, USEC_INFINITY);
        assert_int_equal(accept_wait(&s->a, true, true, time_now(), &fd), ACCEPT_E_KEPT); /* there are none */
        client = connect_to(s, 0);
        assert_int_equal(accept_wait(&s->a, true, true, time_now(), &fd), ACCEPT_E_YIELD);
        acceptor_forget(&s->a);
        fd_close(client);
        close_both(ends);
}

static void test_a_try_takes_what_waits_where_the_last_came_from(void **state) {
        struct scene *s = *state;
        int clients[3] = { connect_to(s, 1), connect_to(s, 1), connect_to(s, 1) }, fd = -1;

        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_CONNECTION);
        for (int i = 0; i < 2; i++) {
                fd_close(fd);
                assert_int_equal(accept_try(&s->a, false, time_now(), &fd), ACCEPT_E_CONNECTION);
        }
        fd_close(fd);
        assert_int_equal(accept_try(&s->a, false, time_now(), &fd), 0);
        for (int i = 0; i < 3; i++)
                fd_close(clients[i]);
}

static void test_a_try_of_the_kept_connection_is_the_callers(void **state) {
        struct scene *s = *state;
        int ends[2], fd = -1;

        keep(s, ends, USEC_INFINITY);
        assert_int_equal(write(ends[1], "x", 1), 1);
        for (int i = 0; i < 2; i++) { /* twice in a row: nobody else is there */
                assert_int_equal(accept_try(&s->a, true, time_now(), &fd), 0);
                assert_int_equal(accept_wait(&s->a, true, false, time_now(), &fd), ACCEPT_E_KEPT);
        }
        assert_int_equal(accept_try(&s->a, true, time_now(), &fd), ACCEPT_E_KEPT);
        accept_missed(&s->a);
        assert_int_equal(accept_try(&s->a, true, time_now(), &fd), 0);
        fd_close(ends[0]);
        fd_close(ends[1]);
}

static void test_nothing_is_tried_while_others_are_known_to_wait(void **state) {
        struct scene *s = *state;
        int client = connect_to(s, 0), ends[2], fd = -1;

        keep(s, ends, USEC_INFINITY);
        assert_int_equal(write(ends[1], "x", 1), 1);
        for (int i = 0; i < 2; i++) /* in turn: one of them is about the listener, and the kept one comes first */
                assert_int_equal(accept_wait(&s->a, true, false, time_now(), &fd), ACCEPT_E_KEPT);
        assert_int_equal(accept_try(&s->a, true, time_now(), &fd), 0);
        fd_close(ends[0]);
        fd_close(ends[1]);
        fd_close(client);
}

static void test_an_old_generation_tries_nothing(void **state) {
        struct scene *s = *state;
        int client = connect_to(s, 0), fd = -1;
        uint32_t latest = 2;

        acceptor_set_generation(&s->a, &latest, 1);
        spin_wait(&s->a.spin);
        assert_int_equal(accept_try(&s->a, false, time_now(), &fd), 0);
        latest = 1;
        assert_int_equal(accept_try(&s->a, false, time_now(), &fd), ACCEPT_E_CONNECTION);
        fd_close(fd);
        fd_close(client);
}

static void test_a_listener_that_is_shut_meanwhile_is_an_order_to_end(void **state) {
        struct scene *s = *state;
        int client = connect_to(s, 0), fd = -1;
        uint32_t latest = 1;

        acceptor_set_generation(&s->a, &latest, 1);
        promoted = &latest;
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_DRAIN);
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
                T(test_the_kept_connection_has_its_time),
                T(test_who_cannot_take_what_it_yielded_for_hands_it_on),
                T(test_requests_on_the_kept_one_go_first_for_a_while_and_each_wakeup_is_handed_on),
                T(test_who_is_woken_for_nothing_looks_for_himself_once_in_a_while),
                T(test_a_request_that_had_its_turn_comes_after_others),
                T(test_a_try_takes_what_waits_where_the_last_came_from),
                T(test_a_try_of_the_kept_connection_is_the_callers),
                T(test_nothing_is_tried_while_others_are_known_to_wait),
                T(test_an_old_generation_tries_nothing),
                T(test_a_listener_that_is_shut_meanwhile_is_an_order_to_end),
#undef T
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
