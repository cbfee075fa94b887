/* SPDX-License-Identifier: MIT */
/* conn/handover.h: a connection goes through whole, nothing waits, and nonsense is told from an end. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "conn/handover.h"

struct scene {
        int pair[2];
        int client[2];
        uint8_t buf[2 * HANDOVER_BYTES_MAX];
};

static int set_up(void **state) {
        struct scene *s = calloc(1, sizeof(*s));

        assert_int_equal(handover_pair(s->pair), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->client), 0);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;

        for (int i = 0; i < 2; i++) {
                fd_close(s->pair[i]);
                fd_close(s->client[i]);
        }
        free(s);
        return 0;
}

static void test_a_connection_goes_through_with_its_bytes(void **state) {
        const struct handover note = {
                .flags = HANDOVER_KEEP | HANDOVER_LINGER, .skip = 3, .n_out = 5, .n_in = 2, .begun = 11, .whole = 12
        };
        struct scene *s = *state;
        struct handover got;
        int fd = -1;
        char c;

        assert_int_equal(
                handover_send(s->pair[1], &note,
                              &(struct handover_content){ .connection = s->client[0], .out = "reply", .in = "rq" }),
                0);
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), 0);
        assert_int_equal(got.flags, note.flags);
        assert_int_equal(got.skip, 3);
        assert_int_equal(got.begun, 11);
        assert_int_equal(got.whole, 12);
        assert_int_equal(got.n_out, 5);
        assert_int_equal(got.n_in, 2);
        assert_memory_equal(s->buf, "replyrq", 7);
        assert_int_equal(write(s->client[1], "x", 1), 1);
        assert_int_equal(read(fd, &c, 1), 1); /* it is the same connection */
        fd_close(fd);
}

static void test_the_largest_message(void **state) {
        const struct handover note = { .n_out = HANDOVER_BYTES_MAX, .n_in = HANDOVER_BYTES_MAX };
        struct scene *s = *state;
        struct handover got;
        int fd = -1;

        assert_int_equal(handover_send(s->pair[1], &note,
                                       &(struct handover_content){ .connection = s->client[0],
                                                                   .out = s->buf,
                                                                   .in = s->buf + HANDOVER_BYTES_MAX }),
                         0);
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), 0);
        fd_close(fd);
}

static void test_nobody_waits(void **state) {
        const struct handover note = { .n_in = HANDOVER_BYTES_MAX };
        struct scene *s = *state;
        struct handover got;
        unsigned n = 0;
        int fd, r;

        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), HANDOVER_E_EMPTY);
        while ((r = handover_send(s->pair[1], &note,
                                  &(struct handover_content){ .connection = s->client[0], .in = s->buf })) == 0)
                n++;
        assert_int_equal(r, HANDOVER_E_FULL);
        for (; n > 0; n--) {
                assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), 0);
                fd_close(fd);
        }
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), HANDOVER_E_EMPTY);
}

static void test_an_end_is_told(void **state) {
        const struct handover note = {};
        struct scene *s = *state;
        struct handover got;
        int fd;

        assert_int_equal(handover_send(s->pair[1], &note, &(struct handover_content){ .connection = s->client[0] }), 0);
        s->pair[1] = fd_close(s->pair[1]);
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd),
                         0); /* what was sent is still there */
        fd_close(fd);
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), HANDOVER_E_END);
}

static void test_nobody_there_is_told(void **state) {
        const struct handover note = {};
        struct scene *s = *state;

        s->pair[0] = fd_close(s->pair[0]);
        assert_int_equal(handover_send(s->pair[1], &note, &(struct handover_content){ .connection = s->client[0] }),
                         -EPIPE);
        assert_int_equal(handover_send(-1, &note, &(struct handover_content){ .connection = s->client[0] }), -EPIPE);
}

static void test_a_message_of_no_bytes_is_no_end(void **state) {
        struct scene *s = *state;
        struct handover got;
        int fd = -1;

        assert_int_equal(send(s->pair[1], "", 0, 0), 0);
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), -EBADMSG);
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), HANDOVER_E_EMPTY);
}

static void test_nonsense_is_refused(void **state) {
        struct scene *s = *state;
        struct handover note, got;
        int fd;

        /* no descriptor; too short; numbers that the bytes belie; more than there may be */
        assert_true(send(s->pair[1], &(struct handover){ .version = 1 }, sizeof(note), 0) > 0);
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), -EBADMSG);
        assert_true(send(s->pair[1], "x", 1, 0) > 0);
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), -EBADMSG);
        note = (struct handover){ .n_in = 10 };
        assert_int_equal(handover_send(s->pair[1], &note,
                                       &(struct handover_content){ .connection = s->client[0], .in = "0123456789" }),
                         0);
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, 9, &fd), -EBADMSG);
        note = (struct handover){ .n_in = HANDOVER_BYTES_MAX + 1 };
        assert_int_equal(handover_send(s->pair[1], &note,
                                       &(struct handover_content){ .connection = s->client[0], .in = s->buf }),
                         0);
        assert_int_equal(handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd), -EBADMSG);
}

static int count_fds(void) {
        int n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

static void test_what_else_comes_along_is_closed(void **state) {
        struct scene *s = *state;
        struct handover note = { .version = 1 }, got;
        struct iovec iov = { .iov_base = &note, .iov_len = sizeof(note) };
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(3 * sizeof(int))];
        } control;
        int fds[] = { s->client[0], s->client[0], s->client[0] }, n = count_fds(), fd = -1;

        for (size_t k = 1; k <= 3; k++) {
                struct msghdr msg = { .msg_iov = &iov,
                                      .msg_iovlen = 1,
                                      .msg_control = &control,
                                      .msg_controllen = CMSG_SPACE(k * sizeof(int)) };

                control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                                   .cmsg_type = SCM_RIGHTS,
                                                   .cmsg_len = CMSG_LEN(k * sizeof(int)) };
                memcpy(CMSG_DATA(&control.header), fds, k * sizeof(int));
                assert_true(sendmsg(s->pair[1], &msg, 0) > 0);
                if (handover_receive(s->pair[0], &got, s->buf, sizeof(s->buf), &fd) == 0)
                        fd_close(fd);
                assert_int_equal(count_fds(), n);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(test_a_connection_goes_through_with_its_bytes),
                T(test_the_largest_message),
                T(test_nobody_waits),
                T(test_an_end_is_told),
                T(test_nobody_there_is_told),
                T(test_a_message_of_no_bytes_is_no_end),
                T(test_nonsense_is_refused),
                T(test_what_else_comes_along_is_closed),
#undef T
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
