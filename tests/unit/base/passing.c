/* SPDX-License-Identifier: MIT */
/* Descriptors beside a message: each arrives once, in order, and those beyond the caller's places are closed. */

#include "base/passing.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

#define N_MAX 5

static void send_fds(int fd, const int *fds, size_t n) {
        struct iovec iov = { .iov_base = (char *)"x", .iov_len = 1 };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        PASSING_ROOM(room, N_MAX);

        if (n > 0)
                passing_attach(&msg, &room, fds, n);
        assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), 1);
}

static size_t receive_fds(int fd, int *fds, size_t max) {
        char byte;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        PASSING_ROOM(room, N_MAX);
        struct msghdr msg = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room.space)
        };

        assert_int_equal(recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC), 1);
        return passing_take(&msg, fds, max);
}

static void test_all_arrive_in_order(void **state) {
        int pair[2], sent[N_MAX], got[N_MAX];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        for (size_t i = 0; i < N_MAX; i++)
                assert_true((sent[i] = fd_new_memfd("test")) >= 0);
        for (size_t n = 0; n <= N_MAX; n++) {
                send_fds(pair[0], sent, n);
                assert_int_equal(receive_fds(pair[1], got, N_MAX), n);
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

static void test_more_than_there_are_places_for_are_closed(void **state) {
        int pair[2], got[2] = { -1, -1 }, next;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        send_fds(pair[0], (int[]){ pair[0], pair[1], pair[0] }, 3);
        assert_int_equal(receive_fds(pair[1], got, 1), 3);
        assert_int_equal(got[1], -1);
        for (next = got[0] + 1; next <= got[0] + 2; next++)
                assert_true(fcntl(next, F_GETFD) < 0 && errno == EBADF);
        fd_close(got[0]);
        fd_close(pair[0]);
        fd_close(pair[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_arrive_in_order),
                cmocka_unit_test(test_more_than_there_are_places_for_are_closed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
