/* SPDX-License-Identifier: MIT */
/* conn/accept.h: what wakes a worker, and that no wake-up is lost. Real sockets; two acceptors stand for two workers.
 */

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
static int new_listener(struct addr *ret) {
        sa_family_t family = AF_UNIX;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&family, sizeof(family)), 0);
        assert_int_equal(listen(fd, 64), 0);
        assert_int_equal(addr_of_socket(fd, ret), 0);
        return fd;
}

static void new_acceptor(struct scene *s, struct acceptor *a, unsigned first) {
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

static int set_up(void **state) {
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

static int tear_down(void **state) {
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

/* A connection that is kept, and what its client has. */
static void keep(struct scene *s, int ends[static 2], usec_t until) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        acceptor_keep(&s->a, ends[0], until);
}

static void close_both(const int ends[static 2]) {
        fd_close(ends[0]);
        fd_close(ends[1]);
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

/* The kept connection is given up for one that has come in. */
static void assert_takes_a_new_one_instead(struct scene *s) {
        int fd = -1;

        assert_int_equal(accept_wait(&s->a, true, false, time_now(), &fd), ACCEPT_E_YIELD);
        acceptor_forget(&s->a);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_CONNECTION);
        fd_close(fd);
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

static void offer(const struct scene *s) {
        const struct handover note = { .flags = HANDOVER_KEEP };
        _cleanup_fd_ int fd = dup(s->doorbell);

        assert_int_equal(handover_send(s->offers[1], &note, &(struct handover_content){ .connection = fd }), 0);
}

static void test_an_offer_is_as_good_as_a_connection(void **state) {
        struct scene *s = *state;
        struct handover note;
        int fd = -1;

        offer(s);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_OFFER);
        assert_int_equal(handover_receive(s->a.offers, &note, NULL, 0, &fd), 0);
        fd_close(fd);
}

static void test_the_doorbell_is_for_offers_too(void **state) {
        struct scene *s = *state;
        int fd = -1;

        offer(s);
        acceptor_forget_offers(&s->a); /* nobody is woken for it */
        s->a.offers = dup(s->offers[0]);
        fd_ring(s->doorbell);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_OFFER);
        assert_true(rings(s));
}

static void test_who_stays_for_the_offers_takes_nothing_else(void **state) {
        struct scene *s = *state;
        int fd = -1, client = connect_to(s, 0);

        acceptor_leave_for_offers(&s->a);
        assert_true(rings(s));
        s->lifeline[1] = fd_close(s->lifeline[1]);
        offer(s);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_OFFER);
        s->offers[1] = fd_close(s->offers[1]);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_OFFER); /* its end */
        fd_close(client);
}

static void test_who_stays_for_the_offers_takes_one_that_somebody_died_of(void **state) {
        struct scene *s = *state;
        int fd = -1;

        acceptor_leave_for_offers(&s->a);
        assert_int_equal(read(s->doorbell, &(uint64_t){ 0 }, sizeof(uint64_t)), sizeof(uint64_t));
        offer(s);
        epoll_ctl(s->a.epoll_fd, EPOLL_CTL_DEL, s->a.offers, NULL); /* the wake-up went to the dead one */
        fd_ring(s->doorbell);                                       /* and the zygote has found it */
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_OFFER);
}

static void test_quit_and_lifeline_end_it(void **state) {
        struct scene *s = *state;
        int fd;

        assert_false(accept_should_drain(&s->a));
        fd_ring(s->a.quit);
        assert_true(accept_should_drain(&s->a));
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_DRAIN);
}

static void test_who_has_left_takes_nothing(void **state) {
        struct scene *s = *state;
        int client, fd = -1;

        acceptor_leave(&s->a);
        client = connect_to(s, 0);
        fd_ring(s->doorbell);
        s->lifeline[1] = fd_close(s->lifeline[1]);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_DRAIN);
        fd = accept(s->listeners[0], NULL, NULL); /* it is still there for the others */
        assert_true(fd >= 0);
        fd_close(fd);
        fd_close(client);
}

/* Workers that end after one request each must come to all of them. */
static void test_which_comes_first_differs_between_workers(void **state) {
        struct scene *s = *state;
        struct handover note = {};
        bool seen[3] = {};

        for (unsigned i = 0; i < 3; i++) {
                int clients[2] = { connect_to(s, 0), connect_to(s, 1) }, fd = -1, r;
                struct acceptor b;

                assert_int_equal(
                        handover_send(s->offers[1], &note, &(struct handover_content){ .connection = clients[0] }), 0);
                new_acceptor(s, &b, i);
                r = accept_wait(&b, false, false, time_now(), &fd);
                seen[r == ACCEPT_E_OFFER ? 2 : b.last] = true;
                fd_close(fd);
                acceptor_done(&b);
                fd_close(clients[0]);
                fd_close(clients[1]);
        }
        assert_true(seen[0] && seen[1] && seen[2]);
}

#define OTHER 7U /* another worker of the watchers */

/* The scene's acceptor is number 0 of a watchers on which one watches, and the others rest. */
static void use_watchers(struct scene *s) {
        acceptor_done(&s->a);
        s->watchers = watchers_new(8, 1);
        assert_non_null(s->watchers);
        new_acceptor(s, &s->a, 0);
}

static void test_who_rests_hears_its_connection_alone(void **state) {
        struct scene *s = *state;
        int ends[2], client, fd;

        use_watchers(s);
        assert_true(watchers_join(s->watchers, OTHER, false));
        client = connect_to(s, 0);
        keep(s, ends, time_now() + 20 * USEC_PER_MSEC);
        assert_int_equal(accept_wait(&s->a, true, false, time_now(), &fd), ACCEPT_E_TIMEOUT);
        assert_int_equal(write(ends[1], "x", 1), 1);
        acceptor_keep(&s->a, ends[0], USEC_INFINITY);
        assert_int_equal(accept_wait(&s->a, true, false, time_now(), &fd), ACCEPT_E_KEPT);
        assert_int_equal(read(ends[0], &(char){ 0 }, 1), 1);

        watchers_leave(s->watchers, OTHER, false);
        assert_takes_a_new_one_instead(s);
        fd_close(client);
        close_both(ends);
}

static void test_who_rests_hears_the_order_to_end(void **state) {
        struct scene *s = *state;
        int fd;

        use_watchers(s);
        assert_true(watchers_join(s->watchers, OTHER, false));
        s->lifeline[1] = fd_close(s->lifeline[1]);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_DRAIN);
}

static void test_nobody_rests_without_a_zygote(void **state) {
        struct scene *s = *state;
        int client, fd;

        use_watchers(s);
        assert_true(watchers_join(s->watchers, OTHER, false));
        client = connect_to(s, 0);
        watchers_after_fork(s->watchers); /* the zygote was the last to have that end of the pipe */
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_CONNECTION);
        fd_close(fd);
        fd_close(client);
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
                T(test_who_rests_hears_its_connection_alone),
                T(test_who_rests_hears_the_order_to_end),
                T(test_nobody_rests_without_a_zygote),
                T(test_the_doorbell_makes_one_look_at_every_listener),
                T(test_who_found_something_rings_again),
                T(test_the_kept_connection_wakes),
                T(test_a_new_connection_wins_over_an_idle_kept_one),
                T(test_the_kept_connection_has_its_time),
                T(test_who_cannot_take_what_it_yielded_for_hands_it_on),
                T(test_requests_on_the_kept_one_go_first_for_a_while_and_each_wakeup_is_handed_on),
                T(test_who_is_woken_for_nothing_looks_for_himself_once_in_a_while),
                T(test_a_request_that_had_its_turn_comes_after_others),
                T(test_an_offer_is_as_good_as_a_connection),
                T(test_the_doorbell_is_for_offers_too),
                T(test_who_stays_for_the_offers_takes_nothing_else),
                T(test_who_stays_for_the_offers_takes_one_that_somebody_died_of),
                T(test_quit_and_lifeline_end_it),
                T(test_who_has_left_takes_nothing),
                T(test_which_comes_first_differs_between_workers),
                T(test_a_try_takes_what_waits_where_the_last_came_from),
                T(test_a_try_of_the_kept_connection_is_the_callers),
                T(test_nothing_is_tried_while_others_are_known_to_wait),
                T(test_an_old_generation_tries_nothing),
                T(test_a_listener_that_is_shut_meanwhile_is_an_order_to_end),
#undef T
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
