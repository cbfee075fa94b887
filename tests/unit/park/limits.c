/* SPDX-License-Identifier: MIT */
/* Which connection has to go when there are too many. */

#include "scene.h"

static void read_some(const struct crowd *c, size_t i) {
        char page[4096];

        assert_true(recv(c->ends[i][1], page, sizeof(page), MSG_DONTWAIT) > 0);
}

/* Of those whose reply has not been read: the park's end, not the client's, which has yet to read what is in the
 * socket. */
static bool is_writing(const struct scene *s, const struct crowd *c, size_t i) {
        for (const struct connection *w = s->park.lists[CONNECTION_WRITING].first; w; w = w->next)
                if (w->fd == c->ends[i][0])
                        return true;
        return false;
}

static void test_who_sends_nothing_makes_room_for_a_newcomer(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        size_t half, silent, other, last;

        s->park.n_max = 3;
        half = add_client(s, &c, 5);
        silent = add_client(s, &c, 0);
        other = add_client(s, &c, 0);
        last = add_client(s, &c, 0);
        assert_int_equal(s->park.n, 3);
        assert_true(is_here(&c, half) && !is_here(&c, silent) && is_here(&c, other) && is_here(&c, last));
        assert_logged(s, "too many wait for their clients, and this one has sent nothing for the longest time, none "
                         "being idle, park.max_connections = 3");
        let_all_go(s, &c);
}

static void test_whose_request_is_in_the_socket_is_not_silent(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        size_t first, silent;

        s->park.n_max = 2;
        first = add_client(s, &c, 0);
        silent = add_client(s, &c, 0);
        assert_int_equal(send(c.ends[first][1], "\1", 1, 0), 1);
        add_client(s, &c, 0);
        assert_true(is_here(&c, first) && !is_here(&c, silent));
        let_all_go(s, &c);
}

static void test_newcomer_is_refused_when_all_have_sent_something(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        size_t last;

        s->park.n_max = 2;
        add_client(s, &c, 5);
        add_client(s, &c, 5);
        last = add_client(s, &c, 5);
        assert_int_equal(s->park.n, 2);
        assert_false(is_here(&c, last));
        assert_logged(s, "and none is idle or has yet to send anything, park.max_connections = 2");
        let_all_go(s, &c);
}

static void test_reply_that_is_not_read_makes_room_for_bytes(void **state) {
        const usec_t limits[] = { 0, 100 * USEC_PER_SEC };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                struct scene *s = *state;
                struct crowd c = {};
                size_t stalled, other, half, newcomer;

                s->pool.request_receive_timeout = limits[i];
                s->pool.park_max_bytes = 3000;
                stalled = add_reader(s, &c);
                half = add_client(s, &c, 900);
                other = add_reader(s, &c);
                newcomer = add_client(s, &c, 900);
                assert_false(is_writing(s, &c, stalled));
                assert_true(is_here(&c, half) && is_writing(s, &c, other) && is_here(&c, newcomer));
                assert_logged(s, "too many bytes of unfinished requests and replies, and this one's reply has waited "
                                 "for the longest time, park.max_bytes = 3000");

                newcomer = add_client(s, &c, 900);
                assert_true(!is_here(&c, half) && is_writing(s, &c, other) && is_here(&c, newcomer));
                let_all_go(s, &c);
        }
}

static void test_oldest_half_request_goes_before_younger_replies(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        size_t half, reply;

        s->pool.park_max_bytes = 2000;
        half = add_client(s, &c, 900);
        reply = add_reader(s, &c);
        add_client(s, &c, 900);
        assert_true(!is_here(&c, half) && is_writing(s, &c, reply));
        assert_logged(s, "and this one's request has waited for the longest time, park.max_bytes = 2000");
        let_all_go(s, &c);
}

static void test_who_has_read_something_is_passed_over(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        size_t slow, stalled, newcomer;

        s->pool.park_max_bytes = 2000;
        slow = add_reader(s, &c);
        stalled = add_reader(s, &c);
        read_some(&c, slow);
        newcomer = add_client(s, &c, 900);
        assert_true(is_writing(s, &c, slow) && !is_writing(s, &c, stalled) && is_here(&c, newcomer));
        let_all_go(s, &c);
}

static void test_where_all_read_a_little_the_first_goes(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        size_t first, second, newcomer;

        s->pool.park_max_bytes = 2000;
        first = add_reader(s, &c);
        second = add_reader(s, &c);
        read_some(&c, first);
        read_some(&c, second);
        newcomer = add_client(s, &c, 900);
        assert_true(!is_writing(s, &c, first) && is_writing(s, &c, second) && is_here(&c, newcomer));
        let_all_go(s, &c);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SCENE_TEST(test_who_sends_nothing_makes_room_for_a_newcomer),
                SCENE_TEST(test_whose_request_is_in_the_socket_is_not_silent),
                SCENE_TEST(test_newcomer_is_refused_when_all_have_sent_something),
                SCENE_TEST(test_reply_that_is_not_read_makes_room_for_bytes),
                SCENE_TEST(test_oldest_half_request_goes_before_younger_replies),
                SCENE_TEST(test_who_has_read_something_is_passed_over),
                SCENE_TEST(test_where_all_read_a_little_the_first_goes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
