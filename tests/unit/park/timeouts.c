/* SPDX-License-Identifier: MIT */
/* Whose time is over when. */

#include "scene.h"

#include "park/timeouts.h"

static void test_when_a_connection_is_due(void **unused) {
        /* since and begun are 20 and 10 seconds; park.first_byte_timeout is 5, .rest_timeout 120, .idle_timeout 300 */
        static const struct {
                const char *name;
                enum connection_state state;
                usec_t receive_timeout, finish_at, due, max_wait; /* seconds */
        } rows[] = {
                { "idle", CONNECTION_IDLE, 7, 0, 320 },
                { "idle in a pool that stops", CONNECTION_IDLE, 7, 30, 320 },
                { "nothing sent", CONNECTION_FRESH, 0, 0, 25 },
                { "nothing sent, a longer limit for the whole", CONNECTION_FRESH, 7, 0, 15 },
                { "nothing sent, a shorter limit for the whole", CONNECTION_FRESH, 3, 0, 13 },
                { "nothing sent in a pool that stops", CONNECTION_FRESH, 0, 22, 22 },
                { "half a request", CONNECTION_RECEIVING, 7, 0, 17 },
                { "half a request, no limit for the whole", CONNECTION_RECEIVING, 0, 0, 140 },
                { "half a request in a pool that stops", CONNECTION_RECEIVING, 0, 30, 30 },
                { "half a request, due before its pool stops", CONNECTION_RECEIVING, 7, 30, 17 },
                { "waiting for a worker", CONNECTION_WAITING, 7, 30, 0, 0 },
                { "waiting for a worker, and not for longer", CONNECTION_WAITING, 7, 30, 22, 2 },
                { "a check, waiting for a worker", CONNECTION_CHECK, 7, 30, 0, 2 },
                { "reply goes out", CONNECTION_WRITING, 7, 30, 320 },
                { "rest of the body", CONNECTION_DRAINING, 7, 30, 22 },
                { "rest, thrown away", CONNECTION_LINGERING, 7, 30, 22 },
                { "closed", CONNECTION_CLOSED, 7, 30, 0 },
        };

        (void)unused;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct conf_pool pool = { .park_first_byte_timeout = 5 * USEC_PER_SEC,
                                          .park_rest_timeout = 120 * USEC_PER_SEC,
                                          .park_idle_timeout = 300 * USEC_PER_SEC,
                                          .queue_max_wait = rows[i].max_wait * USEC_PER_SEC,
                                          .request_receive_timeout = rows[i].receive_timeout * USEC_PER_SEC };
                struct park *park = calloc(1, sizeof(*park));
                struct connection c = { .state = rows[i].state,
                                        .since = 20 * USEC_PER_SEC,
                                        .begun = 10 * USEC_PER_SEC };
                usec_t due = rows[i].due > 0 ? rows[i].due * USEC_PER_SEC : USEC_INFINITY;

                park->pool = &pool;
                park->finish_at = rows[i].finish_at * USEC_PER_SEC;
                if (timeouts_due(park, &c) != due)
                        print_error("%s\n", rows[i].name);
                assert_int_equal(timeouts_due(park, &c), due);
                free(park);
        }
}

static void test_who_reads_slowly_is_not_silent(void **state) {
        usec_t idle = 300 * USEC_PER_SEC;
        struct scene *s = *state;
        char taken[4096];
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        while (send(ends[0], taken, sizeof(taken), MSG_DONTWAIT) > 0)
                ;
        intake_add(&s->park, &(struct handover){ .n_out = 1000 }, ends[0]);
        assert_int_equal(s->park.lists[CONNECTION_WRITING].n, 1);

        for (int i = 0; i < 3; i++) {
                assert_true(recv(ends[1], taken, sizeof(taken), 0) > 0); /* too little for the kernel to ask for more */
                s->park.now += idle;
                assert_int_equal(timeouts_enforce(&s->park), s->park.now + idle);
                assert_int_equal(s->park.lists[CONNECTION_WRITING].n, 1);
        }
        s->park.now += idle;
        timeouts_enforce(&s->park);
        assert_int_equal(s->park.n, 0);
        fd_close(ends[1]);
}

static void test_half_requests_are_due_by_their_begin(void **state) {
        struct scene *s = *state;
        usec_t start = s->park.now;
        const unsigned begun[] = { 2, 5, 3, 1, 5, 4 }; /* seconds, in the order of their arrival here */
        int ends[ELEMENTSOF(begun)][2];

        s->pool.request_receive_timeout = 10 * USEC_PER_SEC;
        s->park.now += 6 * USEC_PER_SEC;
        for (size_t i = 0; i < ELEMENTSOF(begun); i++) {
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]), 0);
                memcpy(s->park.buf, "\1\1\0", 3);
                intake_add(&s->park,
                           &(struct handover){
                                   .flags = HANDOVER_KEEP, .n_in = 3, .begun = start + begun[i] * USEC_PER_SEC },
                           ends[i][0]);
        }
        for (unsigned second = 1, left = ELEMENTSOF(begun); second <= 5; second++) {
                s->park.now = start + (10 + second) * USEC_PER_SEC;
                timeouts_enforce(&s->park);
                left -= second == 5 ? 2 : 1;
                assert_int_equal(s->park.lists[CONNECTION_RECEIVING].n, left);
        }
        for (size_t i = 0; i < ELEMENTSOF(begun); i++)
                fd_close(ends[i][1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_when_a_connection_is_due),
                SCENE_TEST(test_who_reads_slowly_is_not_silent),
                SCENE_TEST(test_half_requests_are_due_by_their_begin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
