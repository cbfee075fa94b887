/* SPDX-License-Identifier: MIT */
/* Log files, and descriptors that go by a file's name. */

#include "log/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

static void test_a_file_is_appended_to(void **state) {
        char dir[] = "/tmp/fpmd-test-XXXXXX", path[64];
        _cleanup_fd_ int a = -1, b = -1;
        struct stat st;

        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/log", dir);
        umask(0);
        a = log_file_open(path);
        b = log_file_open(path);
        assert_true(a >= 0 && b >= 0);
        assert_int_equal(fcntl(a, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fstat(a, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(write(a, "1", 1) + write(b, "2", 1), 2);
        assert_int_equal(fstat(a, &st), 0);
        assert_int_equal(st.st_size, 2); /* both append */
        unlink(path);

        assert_int_equal(mkfifo(path, 0600), 0);
        alarm(20);
        assert_int_equal(log_file_open(path), -ENXIO); /* nobody reads: does not wait for a reader */
        alarm(0);
        unlink(path);
        rmdir(dir);
        assert_int_equal(log_file_open(path), -ENOENT);
}

/* A socket in the place of standard output, and one at a number of its own. */
static void assert_means(const char *name, int peer) {
        _cleanup_fd_ int fd = log_file_open(name);
        char byte;

        if (fd < 0)
                fail_msg("%s: errno %d", name, -fd);
        assert_true(fd > STDERR_FILENO);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(write(fd, "x", 1), 1);
        assert_int_equal(recv(peer, &byte, 1, MSG_DONTWAIT), 1);
}

static void test_names_of_descriptors(void **state) {
        _cleanup_fd_ int out = dup(STDOUT_FILENO), high = -1;
        char name[64];
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        high = fcntl(pair[0], F_DUPFD, 200); /* as one that a parent has left */
        fflush(stdout);
        assert_int_equal(dup2(pair[0], STDOUT_FILENO), STDOUT_FILENO);
        assert_means("/dev/stdout", pair[1]);
        assert_means("/dev/fd/1", pair[1]);
        assert_means("/proc/self/fd/1", pair[1]);
        dup2(out, STDOUT_FILENO);

        snprintf(name, sizeof(name), "/dev/fd/%d", high);
        assert_means(name, pair[1]);
        snprintf(name, sizeof(name), "/proc/self/fd/%d", high);
        assert_means(name, pair[1]);
        snprintf(name, sizeof(name), "/proc/self/fd/%d", pair[0]);
        assert_int_equal(log_file_open(name), -EBADF); /* our own */
        assert_int_equal(log_file_open("/proc/self/fd/4711"), -EBADF);
        fd_close(pair[0]);
        fd_close(pair[1]);
}

static void test_what_cannot_be_written_to(void **state) {
        _cleanup_fd_ int in = open("/dev/null", O_RDONLY);
        char name[64];

        snprintf(name, sizeof(name), "/dev/fd/%d", in);
        assert_int_equal(log_file_descriptor(name), -EBADF);
        assert_int_equal(log_file_descriptor("/dev/fd/x"), -ENOENT);
        assert_int_equal(log_file_descriptor("/dev/null"), -ENOENT);
        assert_int_equal(log_file_descriptor("syslog"), -ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_file_is_appended_to),
                cmocka_unit_test(test_names_of_descriptors),
                cmocka_unit_test(test_what_cannot_be_written_to),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
