/* SPDX-License-Identifier: MIT */
/* Messages over a SEQPACKET socket: whole or not at all, descriptors arrive once, and what nobody asked for is closed.
 */

#include "ipc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/macros.h"

#include "limit.h"
#include "raw.h"

#define TEXT_MAX 8

struct scene {
        int to, from;
        timer_t limit; /* where a call would wait */
};

static int lowest_free(void) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        close(fd);
        return fd;
}

static int count_open(void) {
        int n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

static int set_up(void **state) {
        static struct scene s;
        int pair[2];

        s.limit = limit_begin();
        assert_int_equal(channel_pair(pair), 0);
        s.from = pair[0];
        s.to = pair[1];
        *state = &s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;

        fd_close(s->to);
        fd_close(s->from);
        timer_delete(s->limit);
        return 0;
}

static int send_text(int to, const char *text, int *fds, size_t n_fds) {
        struct iovec iov = { .iov_base = (char *)text, .iov_len = strlen(text) };

        return channel_send(to, &(struct channel_message){ .iov = &iov, .n_iov = 1, .fds = fds, .n_fds = n_fds });
}

/* What channel_receive() says of the next message, whose bytes are in text, which has room for TEXT_MAX. */
static int receive(int from, char *text, int *fds, size_t n_fds, struct channel_received *ret) {
        struct iovec iov = { .iov_base = text, .iov_len = TEXT_MAX };

        return channel_receive(from, &(struct channel_message){ .iov = &iov, .n_iov = 1, .fds = fds, .n_fds = n_fds },
                               ret);
}

static int receive_none(int from) {
        struct channel_received got;
        char text[TEXT_MAX];

        return receive(from, text, NULL, 0, &got);
}

static void send_any(int to, size_t n_bytes, const int *fds, size_t n_fds) {
        static char bytes[TEXT_MAX * 2];

        raw_send(to, (struct iovec){ bytes, n_bytes }, fds, n_fds);
}

static bool same_file(int a, int b) {
        struct stat x, y;

        return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void a_pair_is_closed_by_exec(void **state) {
        const struct scene *s = *state;

        assert_true(fcntl(s->to, F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(s->from, F_GETFD) & FD_CLOEXEC);
}

static void messages_keep_their_borders_and_order(void **state) {
        const struct scene *s = *state;
        struct channel_received got;
        char text[TEXT_MAX];

        assert_int_equal(receive_none(s->from), CHANNEL_E_EMPTY);
        assert_int_equal(send_text(s->to, "one", NULL, 0), 0);
        assert_int_equal(send_text(s->to, "another", NULL, 0), 0);
        assert_int_equal(receive(s->from, text, NULL, 0, &got), 0);
        assert_int_equal(got.n, 3);
        assert_memory_equal(text, "one", 3);
        assert_int_equal(receive(s->from, text, NULL, 0, &got), 0);
        assert_int_equal(got.n, 7);
        assert_memory_equal(text, "another", 7);
        assert_int_equal(receive_none(s->from), CHANNEL_E_EMPTY);
}

static void descriptors_arrive_in_order_and_close_on_exec(void **state) {
        int sent[CHANNEL_FDS_MAX], fds[CHANNEL_FDS_MAX];
        const struct scene *s = *state;
        struct channel_received got;
        char text[TEXT_MAX];

        for (size_t i = 0; i < CHANNEL_FDS_MAX; i++)
                assert_true((sent[i] = fd_new_memfd("test")) >= 0);
        for (size_t n = 0; n <= CHANNEL_FDS_MAX; n++) {
                assert_int_equal(send_text(s->to, "x", sent, n), 0);
                assert_int_equal(receive(s->from, text, fds, CHANNEL_FDS_MAX, &got), 0);
                assert_int_equal(got.n_fds, n);
                for (size_t i = 0; i < n; i++) {
                        assert_true(same_file(sent[i], fds[i]));
                        assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
                        fd_close(fds[i]);
                }
                for (size_t i = n; i < CHANNEL_FDS_MAX; i++)
                        assert_int_equal(fds[i], -1);
        }
        for (size_t i = 0; i < CHANNEL_FDS_MAX; i++)
                fd_close(sent[i]);
}

/* A message of one byte more than there is room for, with descriptors and without: lost, and the next one is whole. */
static void a_long_message_is_lost_whole(void **state) {
        const struct scene *s = *state;
        int before = count_open(), fds[2];
        struct channel_received got;
        char text[TEXT_MAX];

        for (size_t n_fds = 0; n_fds <= 2; n_fds++) {
                send_any(s->to, TEXT_MAX + 1, (int[]){ s->to, s->from }, n_fds);
                assert_int_equal(send_text(s->to, "next", NULL, 0), 0);
                assert_int_equal(receive(s->from, text, fds, 2, &got), -EMSGSIZE);
                assert_int_equal(fds[0], -1);
                assert_int_equal(fds[1], -1);
                assert_int_equal(count_open(), before);
                assert_int_equal(receive(s->from, text, fds, 2, &got), 0);
                assert_int_equal(got.n, 4);
        }
        send_any(s->to, TEXT_MAX, NULL, 0);
        assert_int_equal(receive(s->from, text, fds, 2, &got), 0);
        assert_int_equal(got.n, TEXT_MAX);
}

/* However many more than there is room for, alignment's spare place among them: none stays open. */
static void too_many_descriptors_are_all_closed(void **state) {
        const struct scene *s = *state;
        int before = count_open();

        for (size_t room = 0; room <= CHANNEL_FDS_MAX; room++)
                for (size_t n = room + 1; n <= room + 3; n++) {
                        int sent[16], fds[CHANNEL_FDS_MAX] = { -1, -1, -1, -1 };
                        struct channel_received got;
                        char text[TEXT_MAX];

                        for (size_t i = 0; i < n; i++)
                                sent[i] = s->to;
                        send_any(s->to, 1, sent, n);
                        assert_int_equal(receive(s->from, text, fds, room, &got), -EMSGSIZE);
                        for (size_t i = 0; i < CHANNEL_FDS_MAX; i++)
                                assert_int_equal(fds[i], -1);
                        assert_int_equal(count_open(), before);
                }
}

static void a_message_without_bytes_is_a_message(void **state) {
        const struct scene *s = *state;
        struct channel_received got;
        char text[TEXT_MAX];
        int fds[2];

        send_any(s->to, 0, NULL, 0);
        assert_int_equal(receive(s->from, text, fds, 2, &got), 0);
        assert_int_equal(got.n, 0);
        assert_int_equal(got.n_fds, 0);
        send_any(s->to, 0, (int[]){ s->to, s->from }, 2);
        assert_int_equal(receive(s->from, text, fds, 2, &got), 0);
        assert_int_equal(got.n, 0);
        assert_int_equal(got.n_fds, 2);
        fd_close(fds[0]);
        fd_close(fds[1]);
}

/* What the other side has sent before it closed comes first. */
static void a_closed_side_is_the_end(void **state) {
        struct scene *s = *state;
        struct channel_received got;
        char text[TEXT_MAX];

        assert_int_equal(send_text(s->to, "last", NULL, 0), 0);
        s->to = fd_close(s->to);
        assert_int_equal(receive(s->from, text, NULL, 0, &got), 0);
        assert_int_equal(got.n, 4);
        assert_int_equal(receive_none(s->from), CHANNEL_E_END);
        assert_int_equal(receive_none(s->from), CHANNEL_E_END);
        assert_int_equal(send_text(s->from, "x", NULL, 0), -EPIPE); /* and no SIGPIPE */
}

/* A side that closed with unread messages resets the other one. */
static void a_side_that_closed_unread_is_the_end(void **state) {
        struct scene *s = *state;

        assert_int_equal(send_text(s->from, "unread", NULL, 0), 0);
        s->to = fd_close(s->to);
        assert_int_equal(receive_none(s->from), CHANNEL_E_END);
}

/* The flags of the descriptor, which others share, do not make a call wait; limit.h ends a test that does. */
static void a_full_socket_is_told_at_once(void **state) {
        const struct scene *s = *state;
        int r, n = 0;

        assert_false(fcntl(s->to, F_GETFL) & O_NONBLOCK);
        while ((r = send_text(s->to, "x", NULL, 0)) == 0)
                n++;
        assert_int_equal(r, CHANNEL_E_FULL);
        for (; n > 0; n--) {
                struct channel_received got;
                char text[TEXT_MAX];

                assert_int_equal(receive(s->from, text, NULL, 0, &got), 0);
        }
        assert_int_equal(receive_none(s->from), CHANNEL_E_EMPTY);
}

static void a_message_longer_than_the_buffer_is_refused(void **state) {
        static char bytes[1024 * 1024];
        struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
        const struct scene *s = *state;

        assert_int_equal(channel_send(s->to, &(struct channel_message){ .iov = &iov, .n_iov = 1 }), -EMSGSIZE);
        assert_int_equal(receive_none(s->from), CHANNEL_E_EMPTY);
}

static void want_of_descriptors_is_told(void **state) {
        const struct scene *s = *state;
        struct channel_received got;
        struct rlimit limit, low;
        char text[TEXT_MAX];
        int fds[2];

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        low = (struct rlimit){ .rlim_cur = (rlim_t)lowest_free() + 1, .rlim_max = limit.rlim_max };
        assert_int_equal(send_text(s->to, "x", (int[]){ s->to, s->from }, 2), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        assert_int_equal(receive(s->from, text, fds, 2, &got), -EMFILE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(fds[0], -1);
        assert_int_equal(lowest_free() + 1, (int)low.rlim_cur);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_pair_is_closed_by_exec),
                TEST(messages_keep_their_borders_and_order),
                TEST(descriptors_arrive_in_order_and_close_on_exec),
                TEST(a_long_message_is_lost_whole),
                TEST(too_many_descriptors_are_all_closed),
                TEST(a_message_without_bytes_is_a_message),
                TEST(a_closed_side_is_the_end),
                TEST(a_side_that_closed_unread_is_the_end),
                TEST(a_full_socket_is_told_at_once),
                TEST(a_message_longer_than_the_buffer_is_refused),
                TEST(want_of_descriptors_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
