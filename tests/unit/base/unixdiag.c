/* SPDX-License-Identifier: MIT */
/* base/unixdiag.h, asked of the kernel that runs the test: Debian's have unix_diag. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/unixdiag.h"

static char folder[] = "/tmp/fpmd-unixdiag-XXXXXX";

static struct sockaddr_un address(const char *name) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };

        snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", folder, name);
        return a;
}

static int bound(const char *name) {
        struct sockaddr_un a = address(name);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&a, sizeof(a)), 0);
        return fd;
}

static int file(const char *name) {
        int fd = open(address(name).sun_path, O_PATH | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static void test_queue(void **state) {
        struct sockaddr_un a = address("queue");
        _cleanup_fd_ int fd = bound("queue"), client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct unixdiag diag;

        assert_int_equal(listen(fd, 7), 0);
        assert_int_equal(connect(client, (const struct sockaddr *)(const void *)&a, sizeof(a)), 0);
        assert_true(unixdiag_ask(fd, &diag));
        assert_true(diag.listens && diag.has_file);
        assert_int_equal(diag.waiting, 1);
        assert_int_equal(diag.limit, 7);
}

static void test_file(void **state) {
        _cleanup_fd_ int one = bound("one"), other = bound("other"), nameless = socket(AF_UNIX, SOCK_STREAM, 0);
        _cleanup_fd_ int one_file = file("one"), other_file = file("other");
        struct unixdiag diag;

        assert_true(unixdiag_is_file(one, one_file));
        assert_true(unixdiag_is_file(other, other_file));
        assert_false(unixdiag_is_file(one, other_file));
        assert_false(unixdiag_is_file(other, one_file));
        assert_true(unixdiag_is_surely_file(one, one_file));
        assert_false(unixdiag_is_surely_file(one, other_file));
        assert_false(unixdiag_is_surely_file(nameless, one_file)); /* where the other one says yes */
        assert_true(unixdiag_is_file(nameless, one_file));
        assert_true(unixdiag_ask(nameless, &diag));
        assert_false(diag.has_file);
}

static void test_no_unix_socket(void **state) {
        _cleanup_fd_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct unixdiag diag;

        assert_false(unixdiag_ask(null, &diag));
        assert_false(unixdiag_ask(-1, &diag));
}

static int set_up(void **state) {
        return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
        static const char *const names[] = { "queue", "one", "other" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                unlink(address(names[i]).sun_path);
        return rmdir(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_queue),
                cmocka_unit_test(test_file),
                cmocka_unit_test(test_no_unix_socket),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
