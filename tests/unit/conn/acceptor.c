/* SPDX-License-Identifier: MIT */
/* conn/acceptor.h: what a worker goes on hearing that rests, leaves, or stays for the offers. */

#include "scene.h"

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

        fd_ring(s->a.quit);
        assert_int_equal(accept_wait(&s->a, false, false, time_now(), &fd), ACCEPT_E_DRAIN);
        assert_int_equal(read(s->a.quit, &(uint64_t){ 0 }, sizeof(uint64_t)), sizeof(uint64_t));
        s->lifeline[1] = fd_close(s->lifeline[1]);
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

/* The scene's acceptor is number 0 of watchers of which one watches, and the others rest. */
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

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(test_an_offer_is_as_good_as_a_connection),
                T(test_the_doorbell_is_for_offers_too),
                T(test_who_stays_for_the_offers_takes_nothing_else),
                T(test_who_stays_for_the_offers_takes_one_that_somebody_died_of),
                T(test_quit_and_lifeline_end_it),
                T(test_who_has_left_takes_nothing),
                T(test_which_comes_first_differs_between_workers),
                T(test_who_rests_hears_its_connection_alone),
                T(test_who_rests_hears_the_order_to_end),
                T(test_nobody_rests_without_a_zygote),
#undef T
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
