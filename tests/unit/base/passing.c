/* SPDX-License-Identifier: MIT */
/* Descriptors through a socket: each arrives once, and what nobody asked for is closed. */

#include "base/passing.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

#define N_MAX 5

static void send_bytes(int fd, size_t n_bytes, const int *fds, size_t n) {
        struct iovec iov = { .iov_base = (char *)"x", .iov_len = n_bytes };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        PASSING_ROOM(room, N_MAX);

        if (n > 0)
                passing_attach(&msg, &room, fds, n);
        assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), (ssize_t)n_bytes);
}

static void send_fds(int fd, const int *fds, size_t n) {
        send_bytes(fd, 1, fds, n);
}

/* How many descriptors came, or what passing_receive() says. */
static int receive_fds(int fd, int *fds, size_t max, size_t n_bytes) {
        char byte;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        PASSING_ROOM(room, N_MAX);
        struct msghdr msg = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room.space)
        };
        struct passing got;
        int r;

        r = passing_receive(fd, &msg, MSG_DONTWAIT, fds, max, &got);
        if (r == 0)
                assert_int_equal(got.n, n_bytes);
        return r == 0 ? (int)got.n_fds : r;
}

static int lowest_free(void) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        close(fd);
        return fd;
}

static void test_all_arrive_in_order(void **state) {
        int pair[2], sent[N_MAX], got[N_MAX];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        for (size_t i = 0; i < N_MAX; i++)
                assert_true((sent[i] = fd_new_memfd("test")) >= 0);
        for (size_t n = 0; n <= N_MAX; n++) {
                send_fds(pair[0], sent, n);
                assert_int_equal(receive_fds(pair[1], got, N_MAX, 1), (int)n);
                for (size_t i = 0; i < n; i++) {
                        struct stat a, b;

                        assert_int_equal(fstat(sent[i], &a), 0);
                        assert_int_equal(fstat(got[i], &b), 0);
                        assert_int_equal(a.st_ino, b.st_ino);
                        fd_close(got[i]);
                }
        }
        for (size_t i = 0; i < N_MAX; i++)
                fd_close(sent[i]);
        fd_close(pair[0]);
        fd_close(pair[1]);
}

static void test_more_than_there_is_room_for_are_closed(void **state) {
        int pair[2], got[3] = { -1, -1, -1 }, before;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        before = lowest_free();
        send_fds(pair[0], (int[]){ pair[0], pair[1], pair[0] }, 3);
        assert_int_equal(receive_fds(pair[1], got, 1, 1), -EMSGSIZE);
        assert_int_equal(got[0], -1);
        assert_int_equal(got[1], -1);
        assert_int_equal(lowest_free(), before);
        for (int fd = before; fd < before + 3; fd++)
                assert_true(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
        fd_close(pair[0]);
        fd_close(pair[1]);
}

static void test_a_message_without_bytes_is_a_message(void **state) {
        int pair[2], got[N_MAX], before;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        before = lowest_free();
        assert_int_equal(receive_fds(pair[1], got, N_MAX, 0), PASSING_E_EMPTY);
        send_bytes(pair[0], 0, NULL, 0);
        assert_int_equal(receive_fds(pair[1], got, N_MAX, 0), 0);
        send_bytes(pair[0], 0, (int[]){ pair[0], pair[1] }, 2);
        assert_int_equal(receive_fds(pair[1], got, N_MAX, 0), 2);
        fd_close(got[0]);
        fd_close(got[1]);
        fd_close(pair[0]);
        assert_int_equal(receive_fds(pair[1], got, N_MAX, 0), PASSING_E_END);
        assert_int_equal(lowest_free(), pair[0]);
        assert_int_equal(before, pair[1] + 1);
        fd_close(pair[1]);
}

static void test_want_of_descriptors_is_told(void **state) {
        struct rlimit limit, low;
        int pair[2], got[N_MAX];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        low = (struct rlimit){ .rlim_cur = (rlim_t)lowest_free() + 1, .rlim_max = limit.rlim_max };
        send_fds(pair[0], (int[]){ pair[0], pair[1] }, 2);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        assert_int_equal(receive_fds(pair[1], got, N_MAX, 1), -EMFILE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(lowest_free() + 1, (int)low.rlim_cur);
        fd_close(pair[0]);
        fd_close(pair[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_arrive_in_order),
                cmocka_unit_test(test_more_than_there_is_room_for_are_closed),
                cmocka_unit_test(test_a_message_without_bytes_is_a_message),
                cmocka_unit_test(test_want_of_descriptors_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
