/* SPDX-License-Identifier: MIT */
/* base/unixfile.h with real sockets in a folder of its own. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/unixfile.h"

static char folder[] = "/tmp/fpmd-unixfile-XXXXXX";

static struct sockaddr_un address(const char *name) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };

        snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", folder, name);
        return a;
}

static bool exists(const struct sockaddr_un *a) {
        return access(a->sun_path, F_OK) == 0;
}

static int served(const struct sockaddr_un *a, int type) {
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(unixfile_bind(fd, a, 0640), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };

static void test_one_that_is_left_goes(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                struct sockaddr_un a = address("left");

                fd_close(served(&a, types[i]));
                assert_true(exists(&a));
                assert_int_equal(unixfile_clear(&a, types[i]), 0);
                assert_false(exists(&a));
                assert_int_equal(unixfile_clear(&a, types[i]), 0);
        }
}

/* Also when its queue is full, or it is of the type that cannot be asked. */
static void test_one_that_is_served_stays(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                struct sockaddr_un a = address("served");
                _cleanup_fd_ _unused_ int fd = served(&a, types[i]);

                for (int k = 0; k < 4; k++)
                        assert_int_equal(unixfile_clear(&a, types[i]), -EADDRINUSE);
                assert_int_equal(unixfile_clear(&a, types[1 - i]), -EADDRINUSE);
                assert_true(exists(&a));
                assert_int_equal(unlink(a.sun_path), 0);
        }
}

static void test_what_is_no_socket_stays(void **state) {
        struct sockaddr_un file = address("file"), link = address("link"), dir = address("dir"), left = address("left");

        fd_close(open(file.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        fd_close(served(&left, SOCK_STREAM));
        assert_int_equal(symlink("left", link.sun_path), 0);
        assert_int_equal(mkdir(dir.sun_path, 0700), 0);
        assert_int_equal(unixfile_clear(&file, SOCK_STREAM), -EEXIST);
        assert_int_equal(unixfile_clear(&link, SOCK_STREAM), -EEXIST);
        assert_int_equal(unixfile_clear(&dir, SOCK_STREAM), -EEXIST);
        assert_true(exists(&file) && exists(&left));
        assert_int_equal(unlink(link.sun_path) | unlink(left.sun_path) | unlink(file.sun_path) | rmdir(dir.sun_path),
                         0);
}

static void test_mode_is_not_the_umasks(void **state) {
        struct sockaddr_un a = address("mode");
        mode_t mask = umask(0777);
        struct stat st;

        fd_close(served(&a, SOCK_STREAM));
        assert_int_equal(umask(mask), 0777);
        assert_int_equal(stat(a.sun_path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(unlink(a.sun_path), 0);
}

static int setup(void **state) {
        return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
        return rmdir(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_that_is_left_goes),
                cmocka_unit_test(test_one_that_is_served_stays),
                cmocka_unit_test(test_what_is_no_socket_stays),
                cmocka_unit_test(test_mode_is_not_the_umasks),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
