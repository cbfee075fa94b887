/* SPDX-License-Identifier: MIT */
/* How long a reply waits for the end of its request's body. */

#include "scene.h"

#include "park/timeouts.h"
#include "park/writing.h"

/* The reply of request 7, whose body is on its way; *ret_client is the client's end. */
static void drain(struct scene *s, uint32_t flags, uint32_t skip, int *ret_client) {
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        memcpy(s->park.buf, "reply", 5);
        intake_add(&s->park,
                   &(struct handover){
                           .flags = flags | HANDOVER_BODY | HANDOVER_DRAIN, .n_out = 5, .answered = 7, .skip = skip },
                   ends[0]);
        assert_true(s->park.lists[CONNECTION_DRAINING].n >= 1);
        *ret_client = ends[1];
}

static void say(struct scene *s, int client, const char *bytes, size_t n) {
        assert_int_equal(send(client, bytes, n, 0), n);
        park_on_connection(&s->park, s->park.lists[CONNECTION_DRAINING].first);
}

static void assert_replied(int client, bool replied) {
        char buf[8];

        assert_int_equal(recv(client, buf, sizeof(buf), MSG_DONTWAIT), replied ? 5 : -1);
}

static void test_a_reply_waits_for_the_end_of_the_body(void **state) {
        static const struct {
                const char *name, *bytes;
                size_t n;
                bool over;
        } rows[] = {
#define BYTES(s) s, sizeof(s) - 1
                { "the end of STDIN", BYTES("\1\5\0\7\0\0\0\0"), true },
                { "it is aborted", BYTES("\1\2\0\7\0\0\0\0"), true },
                { "more, and the end", BYTES("\1\5\0\7\0\3\0\0abc\1\5\0\7\0\0\0\0"), true },
                { "more", BYTES("\1\5\0\7\0\3\0\0abc"), false },
                { "part of more", BYTES("\1\5\0\7\1\0\0\0abc"), false },
                { "half a header", BYTES("\1\5\0\7"), false },
                { "the end of another's STDIN", BYTES("\1\5\0\6\0\0\0\0"), false },
                { "another is aborted", BYTES("\1\2\0\6\0\0\0\0"), false },
                { "a question", BYTES("\1\11\0\0\0\0\0\0"), true },
#undef BYTES
        };
        struct scene *s = *state;

        for (size_t i = 0; i < 2 * ELEMENTSOF(rows); i++) {
                size_t row = i / 2;
                int client;

                drain(s, i % 2 ? HANDOVER_KEEP : HANDOVER_LINGER, 2, &client);
                say(s, client, "xx", 2); /* the rest of a record */
                assert_replied(client, false);
                say(s, client, rows[row].bytes, rows[row].n);
                if ((s->park.lists[CONNECTION_DRAINING].n == 0) != rows[row].over)
                        print_error("%s\n", rows[row].name);
                assert_int_equal(s->park.lists[CONNECTION_DRAINING].n, rows[row].over ? 0 : 1);
                assert_replied(client, rows[row].over);
                for (int state_of = 0; state_of < CONNECTION_CLOSED; state_of++)
                        while (s->park.lists[state_of].first)
                                connection_close(&s->park, s->park.lists[state_of].first);
                assert_int_equal(s->park.n_bytes, 0);
                fd_close(client);
        }
}

static void test_a_reply_does_not_wait_for_ever(void **state) {
        struct scene *s = *state;
        int client;

        drain(s, HANDOVER_KEEP, 0, &client);
        s->park.now += 2 * USEC_PER_SEC - 1;
        assert_int_equal(timeouts_enforce(&s->park), s->park.now + 1);
        say(s, client, "\1\5\0\7\0\1\0\0a", 9); /* it is not silent */
        s->park.now += 2 * USEC_PER_SEC - 1;
        timeouts_enforce(&s->park);
        assert_replied(client, false);
        s->park.now += 1;
        timeouts_enforce(&s->park);
        assert_replied(client, true);
        assert_int_equal(s->numbers.timed_out, 0);
        assert_int_equal(s->park.lists[CONNECTION_IDLE].n, 1);
        connection_close(&s->park, s->park.lists[CONNECTION_IDLE].first);
        fd_close(client);

        drain(s, HANDOVER_KEEP, 0, &client);
        for (int i = 0; i < 29; i++) {
                s->park.now += USEC_PER_SEC;
                say(s, client, "\1\5\0\7\0\1\0\0a", 9);
        }
        assert_replied(client, false);
        s->park.now += USEC_PER_SEC;
        say(s, client, "\1\5\0\7\0\1\0\0a", 9);
        assert_replied(client, true);
        connection_close(&s->park, s->park.lists[CONNECTION_IDLE].first);
        fd_close(client);

        drain(s, HANDOVER_KEEP, 0, &client);
        s->park.lists[CONNECTION_DRAINING].first->drained = WRITING_DRAIN_MAX - 10;
        say(s, client, "\1\5\0\7\0\1\0\0a", 9);
        assert_replied(client, false);
        say(s, client, "\1\5\0\7\0\1\0\0a", 9);
        assert_replied(client, true);
        connection_close(&s->park, s->park.lists[CONNECTION_IDLE].first);
        fd_close(client);
}

static void test_the_end_of_a_reply_waits_less(void **state) {
        struct scene *s = *state;
        int patient, begun;

        drain(s, HANDOVER_KEEP, 0, &patient);
        drain(s, HANDOVER_KEEP | HANDOVER_BEGUN, 0, &begun);
        assert_int_equal(timeouts_enforce(&s->park), s->park.now + 250 * USEC_PER_MSEC);
        s->park.now += 250 * USEC_PER_MSEC;
        timeouts_enforce(&s->park);
        assert_replied(begun, true);
        assert_replied(patient, false);
        s->park.now += 1750 * USEC_PER_MSEC;
        timeouts_enforce(&s->park);
        assert_replied(patient, true);
        while (s->park.lists[CONNECTION_IDLE].first)
                connection_close(&s->park, s->park.lists[CONNECTION_IDLE].first);
        fd_close(patient);
        fd_close(begun);
}

static void test_a_reply_does_not_wait_when_the_pool_stops(void **state) {
        struct scene *s = *state;
        int client;

        drain(s, HANDOVER_KEEP, 0, &client);
        park_finish(&s->park);
        assert_replied(client, true);
        assert_int_equal(s->park.n, 0);
        fd_close(client);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SCENE_TEST(test_a_reply_waits_for_the_end_of_the_body),
                SCENE_TEST(test_a_reply_does_not_wait_for_ever),
                SCENE_TEST(test_the_end_of_a_reply_waits_less),
                SCENE_TEST(test_a_reply_does_not_wait_when_the_pool_stops),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
