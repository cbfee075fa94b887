/* SPDX-License-Identifier: MIT */
/* park/guest.c and limits.c without their process: what becomes of a connection that the kernel does not watch, whose
 * time is over when, and who has to go when there are too many. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/macros.h"
#include "log/log.h"
#include "park/lot.h"

struct scene {
        struct conf_pool pool;
        struct scoreboard_park numbers;
        struct lot lot;
        int pair[2]; /* in place of the intake, the orders and the signals, which lot_init() wants */
        int log;
};

static int set_up(void **state) {
        struct scene *s = calloc(1, sizeof(*s));

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->pair), 0);
        s->log = memfd_create("log", MFD_CLOEXEC);
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = s->log, .level = LOG_LEVEL_NOTICE });
        s->pool.park_max_bytes = 1 << 20;
        s->pool.park_idle_timeout = 300 * USEC_PER_SEC;
        s->lot = (struct lot){ .pool = &s->pool, .numbers = &s->numbers, .n_max = 10, .now = time_now() };
        s->lot.intake = s->lot.offers = s->pair[0];
        s->lot.orders = s->pair[1];
        s->lot.signal_fd = fcntl(s->pair[1], F_DUPFD_CLOEXEC, 0);
        assert_int_equal(lot_init(&s->lot), 0);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;

        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_NOTICE });
        for (struct guest *g = s->lot.lists[GUEST_GONE].first, *next; g; g = next) {
                next = g->next;
                free(g);
        }
        fd_close(s->lot.signal_fd);
        fd_close(s->lot.epoll_fd);
        fd_close(s->pair[0]);
        fd_close(s->pair[1]);
        fd_close(s->log);
        free(s);
        return 0;
}

static void assert_given_up(struct scene *s, int fd, const char *line) {
        char text[512] = "";

        assert_int_equal(s->lot.n, 0);
        assert_int_equal(s->lot.lists[GUEST_IDLE].n + s->lot.lists[GUEST_RECEIVING].n, 0);
        assert_int_equal(s->lot.n_bytes, 0);
        assert_int_equal(s->numbers.refused, 1);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(errno, EBADF);
        assert_true(pread(s->log, text, sizeof(text) - 1, 0) > 0);
        assert_non_null(strstr(text, line));
}

static void test_an_idle_one_that_cannot_be_watched_is_closed(void **state) {
        struct scene *s = *state;
        int fd = memfd_create("no socket", MFD_CLOEXEC); /* EPERM of epoll_ctl(2) */

        guest_arrive(&s->lot, &(struct park_note){ .flags = PARK_KEEP }, fd);
        assert_given_up(s, fd, "closed: nobody would hear of its client: Operation not permitted");
}

static void test_half_a_request_that_cannot_be_watched_is_closed(void **state) {
        struct scene *s = *state;
        int fd = memfd_create("no socket", MFD_CLOEXEC);

        memcpy(s->lot.buf, "\1\1\0", 3);
        guest_arrive(&s->lot, &(struct park_note){ .flags = PARK_KEEP, .n_in = 3, .begun = s->lot.now }, fd);
        assert_given_up(s, fd, "closed: nobody would hear of its client: Operation not permitted");
}

static void test_one_line_for_many(void **state) {
        struct scene *s = *state;
        char text[2048] = "";
        int n = 0;

        for (int i = 0; i < 5; i++)
                guest_arrive(&s->lot, &(struct park_note){ .flags = PARK_KEEP },
                             memfd_create("no socket", MFD_CLOEXEC));
        assert_true(pread(s->log, text, sizeof(text) - 1, 0) > 0);
        for (const char *p = text; (p = strchr(p, '\n')); p++)
                n++;
        assert_int_equal(n, 1);
        assert_int_equal(s->numbers.refused, 5);
}

static void test_who_reads_slowly_is_not_silent(void **state) {
        usec_t idle = 300 * USEC_PER_SEC;
        struct scene *s = *state;
        char taken[4096];
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        while (send(ends[0], taken, sizeof(taken), MSG_DONTWAIT) > 0)
                ;
        guest_arrive(&s->lot, &(struct park_note){ .n_out = 1000 }, ends[0]);
        assert_int_equal(s->lot.lists[GUEST_WRITING].n, 1);

        for (int i = 0; i < 3; i++) {
                assert_true(recv(ends[1], taken, sizeof(taken), 0) > 0); /* too little for the kernel to ask for more */
                s->lot.now += idle;
                assert_int_equal(limits_enforce(&s->lot), s->lot.now + idle);
                assert_int_equal(s->lot.lists[GUEST_WRITING].n, 1);
        }
        s->lot.now += idle;
        limits_enforce(&s->lot);
        assert_int_equal(s->lot.n, 0);
        fd_close(ends[1]);
}

/* The reply of request 7, whose body is on its way; *ret_client is the client's end. */
static void drain(struct scene *s, uint32_t flags, uint32_t skip, int *ret_client) {
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        memcpy(s->lot.buf, "reply", 5);
        guest_arrive(
                &s->lot,
                &(struct park_note){ .flags = flags | PARK_BODY | PARK_DRAIN, .n_out = 5, .answered = 7, .skip = skip },
                ends[0]);
        assert_true(s->lot.lists[GUEST_DRAINING].n >= 1);
        *ret_client = ends[1];
}

static void say(struct scene *s, int client, const char *bytes, size_t n) {
        assert_int_equal(send(client, bytes, n, 0), n);
        guest_on_event(&s->lot, s->lot.lists[GUEST_DRAINING].first);
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

                drain(s, i % 2 ? PARK_KEEP : PARK_LINGER, 2, &client);
                say(s, client, "xx", 2); /* the rest of a record */
                assert_replied(client, false);
                say(s, client, rows[row].bytes, rows[row].n);
                if ((s->lot.lists[GUEST_DRAINING].n == 0) != rows[row].over)
                        print_error("%s\n", rows[row].name);
                assert_int_equal(s->lot.lists[GUEST_DRAINING].n, rows[row].over ? 0 : 1);
                assert_replied(client, rows[row].over);
                for (int state_of = 0; state_of < GUEST_GONE; state_of++)
                        while (s->lot.lists[state_of].first)
                                guest_close(&s->lot, s->lot.lists[state_of].first);
                assert_int_equal(s->lot.n_bytes, 0);
                fd_close(client);
        }
}

static void test_a_reply_does_not_wait_for_ever(void **state) {
        struct scene *s = *state;
        int client;

        drain(s, PARK_KEEP, 0, &client);
        s->lot.now += 2 * USEC_PER_SEC - 1;
        assert_int_equal(limits_enforce(&s->lot), s->lot.now + 1);
        say(s, client, "\1\5\0\7\0\1\0\0a", 9); /* it is not silent */
        s->lot.now += 2 * USEC_PER_SEC - 1;
        limits_enforce(&s->lot);
        assert_replied(client, false);
        s->lot.now += 1;
        limits_enforce(&s->lot);
        assert_replied(client, true);
        assert_int_equal(s->numbers.timed_out, 0);
        assert_int_equal(s->lot.lists[GUEST_IDLE].n, 1);
        guest_close(&s->lot, s->lot.lists[GUEST_IDLE].first);
        fd_close(client);

        drain(s, PARK_KEEP, 0, &client);
        for (int i = 0; i < 29; i++) {
                s->lot.now += USEC_PER_SEC;
                say(s, client, "\1\5\0\7\0\1\0\0a", 9);
        }
        assert_replied(client, false);
        s->lot.now += USEC_PER_SEC;
        say(s, client, "\1\5\0\7\0\1\0\0a", 9);
        assert_replied(client, true);
        guest_close(&s->lot, s->lot.lists[GUEST_IDLE].first);
        fd_close(client);

        drain(s, PARK_KEEP, 0, &client);
        s->lot.lists[GUEST_DRAINING].first->drained = GUEST_DRAIN_MAX - 10;
        say(s, client, "\1\5\0\7\0\1\0\0a", 9);
        assert_replied(client, false);
        say(s, client, "\1\5\0\7\0\1\0\0a", 9);
        assert_replied(client, true);
        guest_close(&s->lot, s->lot.lists[GUEST_IDLE].first);
        fd_close(client);
}

static void test_the_end_of_a_reply_waits_less(void **state) {
        struct scene *s = *state;
        int patient, begun;

        drain(s, PARK_KEEP, 0, &patient);
        drain(s, PARK_KEEP | PARK_BEGUN, 0, &begun);
        assert_int_equal(limits_enforce(&s->lot), s->lot.now + 250 * USEC_PER_MSEC);
        s->lot.now += 250 * USEC_PER_MSEC;
        limits_enforce(&s->lot);
        assert_replied(begun, true);
        assert_replied(patient, false);
        s->lot.now += 1750 * USEC_PER_MSEC;
        limits_enforce(&s->lot);
        assert_replied(patient, true);
        while (s->lot.lists[GUEST_IDLE].first)
                guest_close(&s->lot, s->lot.lists[GUEST_IDLE].first);
        fd_close(patient);
        fd_close(begun);
}

static void test_a_reply_does_not_wait_when_the_pool_stops(void **state) {
        struct scene *s = *state;
        int client;

        drain(s, PARK_KEEP, 0, &client);
        lot_finish(&s->lot);
        assert_replied(client, true);
        assert_int_equal(s->lot.n, 0);
        fd_close(client);
}

static void test_half_requests_are_due_by_their_begin(void **state) {
        struct scene *s = *state;
        usec_t start = s->lot.now;
        const unsigned begun[] = { 2, 5, 3, 1, 5, 4 }; /* seconds, in the order of their arrival here */
        int ends[ELEMENTSOF(begun)][2];

        s->pool.request_receive_timeout = 10 * USEC_PER_SEC;
        s->lot.now += 6 * USEC_PER_SEC;
        for (size_t i = 0; i < ELEMENTSOF(begun); i++) {
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]), 0);
                memcpy(s->lot.buf, "\1\1\0", 3);
                guest_arrive(
                        &s->lot,
                        &(struct park_note){ .flags = PARK_KEEP, .n_in = 3, .begun = start + begun[i] * USEC_PER_SEC },
                        ends[i][0]);
        }
        for (unsigned second = 1, left = ELEMENTSOF(begun); second <= 5; second++) {
                s->lot.now = start + (10 + second) * USEC_PER_SEC;
                limits_enforce(&s->lot);
                left -= second == 5 ? 2 : 1;
                assert_int_equal(s->lot.lists[GUEST_RECEIVING].n, left);
        }
        for (size_t i = 0; i < ELEMENTSOF(begun); i++)
                fd_close(ends[i][1]);
}

/* What tests of the limits have here, a second after one another; the clients' ends are 1. */
struct crowd {
        int ends[10][2];
        size_t n;
};

static bool is_here(const struct crowd *c, size_t i) {
        char byte;
        ssize_t n = recv(c->ends[i][1], &byte, 1, MSG_PEEK | MSG_DONTWAIT);

        return n > 0 || (n < 0 && errno == EAGAIN);
}

/* A connection from which n_in bytes have come. */
static size_t add_client(struct scene *s, struct crowd *c, uint32_t n_in) {
        int *ends = c->ends[c->n];

        s->lot.now += USEC_PER_SEC;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        memset(s->lot.buf, 0, n_in);
        memcpy(s->lot.buf, "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0\1\4\0\1\377\377\0", MIN(n_in, 23U));
        guest_arrive(&s->lot, &(struct park_note){ .flags = PARK_KEEP, .n_in = n_in, .begun = s->lot.now }, ends[0]);
        return c->n++;
}

static void let_all_go(struct scene *s, struct crowd *c) {
        for (enum guest_state state = 0; state < GUEST_GONE; state++)
                while (s->lot.lists[state].first)
                        guest_close(&s->lot, s->lot.lists[state].first);
        assert_int_equal(s->lot.n_bytes, 0);
        for (size_t i = 0; i < c->n; i++)
                fd_close(c->ends[i][1]);
}

static void assert_logged(const struct scene *s, const char *line) {
        char text[2048] = "";

        assert_true(pread(s->log, text, sizeof(text) - 1, 0) > 0);
        assert_non_null(strstr(text, line));
}

static void test_who_sends_nothing_makes_room_for_a_newcomer(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        size_t half, silent, other, last;

        s->lot.n_max = 3;
        half = add_client(s, &c, 5);
        silent = add_client(s, &c, 0);
        other = add_client(s, &c, 0);
        last = add_client(s, &c, 0);
        assert_int_equal(s->lot.n, 3);
        assert_true(is_here(&c, half) && !is_here(&c, silent) && is_here(&c, other) && is_here(&c, last));
        assert_logged(s, "too many wait for their clients, and this one has sent nothing for the longest time, none "
                         "being idle, park.max_connections = 3");
        let_all_go(s, &c);
}

static void test_whose_request_is_in_the_socket_is_not_silent(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        size_t first, silent;

        s->lot.n_max = 2;
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

        s->lot.n_max = 2;
        add_client(s, &c, 5);
        add_client(s, &c, 5);
        last = add_client(s, &c, 5);
        assert_int_equal(s->lot.n, 2);
        assert_false(is_here(&c, last));
        assert_logged(s, "and none is idle or has yet to send anything, park.max_connections = 2");
        let_all_go(s, &c);
}

/* One whose reply of 1000 bytes waits for room, its socket being full. */
static size_t add_reader(struct scene *s, struct crowd *c) {
        int *ends = c->ends[c->n];
        char page[4096] = "";

        s->lot.now += USEC_PER_SEC;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        while (send(ends[0], page, sizeof(page), MSG_DONTWAIT) > 0)
                ;
        guest_arrive(&s->lot, &(struct park_note){ .flags = PARK_KEEP, .n_out = 1000 }, ends[0]);
        return c->n++;
}

static void read_some(const struct crowd *c, size_t i) {
        char page[4096];

        assert_true(recv(c->ends[i][1], page, sizeof(page), MSG_DONTWAIT) > 0);
}

/* Of those whose reply has not been read: a guest, not its client, which has yet to read what is in the socket. */
static bool is_writing(const struct scene *s, const struct crowd *c, size_t i) {
        for (const struct guest *g = s->lot.lists[GUEST_WRITING].first; g; g = g->next)
                if (g->fd == c->ends[i][0])
                        return true;
        return false;
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
                cmocka_unit_test_setup_teardown(test_an_idle_one_that_cannot_be_watched_is_closed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_half_a_request_that_cannot_be_watched_is_closed, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_one_line_for_many, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_who_reads_slowly_is_not_silent, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_reply_waits_for_the_end_of_the_body, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_reply_does_not_wait_for_ever, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_end_of_a_reply_waits_less, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_reply_does_not_wait_when_the_pool_stops, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_half_requests_are_due_by_their_begin, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_who_sends_nothing_makes_room_for_a_newcomer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_whose_request_is_in_the_socket_is_not_silent, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_reply_that_is_not_read_makes_room_for_bytes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_oldest_half_request_goes_before_younger_replies, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_who_has_read_something_is_passed_over, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_where_all_read_a_little_the_first_goes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_newcomer_is_refused_when_all_have_sent_something, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
