/* SPDX-License-Identifier: MIT */
/* Descriptors: closed by scope, read whole, sealed for good. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

static void test_close_keeps_errno(void **state) {
        int fd = fd_new_memfd("test");

        assert_true(fd >= 0);
        errno = EXDEV;
        assert_int_equal(fd_close(fd), -1);
        assert_false(is_open(fd));
        errno = EXDEV;
        fd_close(fd); /* close(2) says EBADF now */
        assert_int_equal(errno, EXDEV);
        assert_int_equal(fd_close(-1), -1);
}

static void test_scope_closes_and_take_keeps(void **state) {
        int closed, kept;

        {
                _cleanup_fd_ int a = fd_new_memfd("a"), b = fd_new_memfd("b");

                closed = a;
                kept = TAKE_FD(b);
                assert_int_equal(b, -1);
        }
        assert_false(is_open(closed));
        assert_true(is_open(kept));
        fd_close(kept);
}

static void test_flags(void **state) {
        _cleanup_fd_ int fd = fd_new_memfd("test");

        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fd_set_cloexec(fd, false), 0);
        assert_int_equal(fcntl(fd, F_GETFD), 0);
        assert_int_equal(fd_set_cloexec(fd, true), 0);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);

        assert_int_equal(fd_set_nonblock(fd, true), 0);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_int_equal(fd_set_nonblock(fd, false), 0);
        assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_int_equal(fd_set_cloexec(-1, true), -EBADF);
        assert_int_equal(fd_set_nonblock(-1, true), -EBADF);
}

/* Sizes around the buffer's doublings; the NUL must always fit (ASan). */
static void test_read_all_sizes(void **state) {
        static const size_t sizes[] = { 0, 1, 4094, 4095, 4096, 8190, 8191, 8192, 100000 };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_free_ char *data = malloc(sizes[i] + 1), *got = NULL;
                _cleanup_fd_ int fd = -1;
                size_t n = 4711;

                assert_non_null(data);
                memset(data, 'a' + (int)i, sizes[i]);
                fd = fd_new_sealed("test", data, sizes[i]);
                assert_true(fd >= 0);
                assert_int_equal(fd_read_all(fd, sizes[i], &got, &n), 0);
                assert_int_equal(n, sizes[i]);
                assert_memory_equal(got, data, n);
                assert_int_equal(got[n], '\0');
        }
}

static void test_read_all_limit(void **state) {
        _cleanup_fd_ int fd = fd_new_sealed("test", "12345", 5);
        char *got = NULL;

        assert_int_equal(fd_read_all(fd, 4, &got, NULL), -EFBIG);
        assert_null(got);
        assert_int_equal(fd_read_all(-1, 4, &got, NULL), -EBADF);
        assert_int_equal(fd_read_file("/does/not/exist", 4, &got, NULL), -ENOENT);
        assert_int_equal(fd_read_file("/", 4, &got, NULL), -EISDIR);
        assert_null(got);
}

/* More than a pipe holds, so that the writer meets partial writes. */
static void test_write_all_over_a_pipe(void **state) {
        enum { N = 1 << 20 };
        _cleanup_free_ char *data = malloc(N), *got = NULL;
        size_t n = 0;
        int p[2], status;
        pid_t pid;

        assert_non_null(data);
        for (size_t i = 0; i < N; i++)
                data[i] = (char)(i * 7 + i / 251);
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                close(p[0]);
                _exit(fd_write_all(p[1], data, N) == 0 ? 0 : 1);
        }
        close(p[1]);
        assert_int_equal(fd_read_all(p[0], N, &got, &n), 0);
        close(p[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(n, N);
        assert_memory_equal(got, data, N);
}

static void test_sealed_cannot_change(void **state) {
        _cleanup_fd_ int fd = fd_new_sealed("test", "12345", 5);
        struct stat st;

        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
        assert_int_equal(pwrite(fd, "x", 1, 0), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(ftruncate(fd, 1), -1);
        assert_int_equal(ftruncate(fd, 100), -1);
        assert_int_equal(fd_seal(fd, F_SEAL_WRITE), -EPERM);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, 5);
}

static void test_drained(void **state) {
        _cleanup_fd_ int no_socket = fd_new_memfd("test");
        int pair[2], unsent = -1;
        char buf[100] = "";

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        for (int i = 0; i < 2; i++)
                assert_int_equal(send(pair[0], buf, sizeof(buf), 0), sizeof(buf));
        assert_true(fd_has_drained(pair[0], &unsent)); /* nobody had looked */
        assert_true(unsent > 0);
        assert_int_equal(fd_unread(pair[1]), 2 * sizeof(buf));
        assert_int_equal(fd_unread(pair[0]), 0);
        assert_false(fd_has_drained(pair[0], &unsent));
        assert_int_equal(recv(pair[1], buf, sizeof(buf), 0), sizeof(buf));
        assert_true(fd_has_drained(pair[0], &unsent)); /* one of two */
        assert_false(fd_has_drained(pair[0], &unsent));
        assert_int_equal(recv(pair[1], buf, sizeof(buf), 0), sizeof(buf));
        assert_true(fd_has_drained(pair[0], &unsent));
        assert_int_equal(unsent, 0);
        assert_false(fd_has_drained(pair[0], &unsent));
        assert_int_equal(send(pair[0], buf, sizeof(buf), 0), sizeof(buf));
        assert_false(fd_has_drained(pair[0], &unsent)); /* more waits now */
        fd_close(pair[0]);
        fd_close(pair[1]);
        unsent = 100;
        assert_false(fd_has_drained(no_socket, &unsent));
}

/* Without O_NONBLOCK, as somebody else may have left it. */
static void test_hear_does_not_wait(void **state) {
        _cleanup_fd_ int fd = eventfd(0, EFD_CLOEXEC);

        alarm(20);
        assert_false(fd_hear(fd));
        assert_int_equal(fd_ring(fd), 0);
        assert_int_equal(fd_ring(fd), 0);
        assert_true(fd_hear(fd));
        assert_false(fd_hear(fd));
        alarm(0);
        assert_false(fd_hear(-1));
        assert_int_equal(fd_ring(-1), -EBADF);
}

static void test_full_bell_is_ringing(void **state) {
        _cleanup_fd_ int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        uint64_t most = UINT64_MAX - 1;

        assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
        assert_int_equal(fd_ring(fd), -EAGAIN);
        assert_true(fd_hear(fd));
        assert_int_equal(fd_ring(fd), 0);
}

static void test_keep_nonblock(void **state) {
        _cleanup_fd_ int fd = eventfd(0, EFD_CLOEXEC);

        assert_int_equal(fd_keep_nonblock(fd), FD_E_BLOCKING);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_int_equal(fd_keep_nonblock(fd), 0);
        assert_int_equal(fd_keep_nonblock(-1), -EBADF);
}

static void test_closed_standard_descriptors(void **state) {
        pid_t pid = fork();
        int status;

        if (pid == 0) { /* cmocka's own output is not touched */
                close(STDIN_FILENO);
                close(STDERR_FILENO);
                if (fd_open_standard() < 0 || !fd_is_open(STDIN_FILENO) || !fd_is_open(STDERR_FILENO))
                        _exit(1);
                if (!fd_is_same_file(STDIN_FILENO, STDERR_FILENO) || (fcntl(STDERR_FILENO, F_GETFD) & FD_CLOEXEC))
                        _exit(2);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_close_keeps_errno),
                cmocka_unit_test(test_scope_closes_and_take_keeps),
                cmocka_unit_test(test_flags),
                cmocka_unit_test(test_read_all_sizes),
                cmocka_unit_test(test_read_all_limit),
                cmocka_unit_test(test_write_all_over_a_pipe),
                cmocka_unit_test(test_sealed_cannot_change),
                cmocka_unit_test(test_drained),
                cmocka_unit_test(test_hear_does_not_wait),
                cmocka_unit_test(test_full_bell_is_ringing),
                cmocka_unit_test(test_keep_nonblock),
                cmocka_unit_test(test_closed_standard_descriptors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
