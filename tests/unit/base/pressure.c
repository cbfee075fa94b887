/* SPDX-License-Identifier: MIT */
/* base/pressure.h with a FIFO and a socket, as the protocol allows for tests. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/pressure.h"

static char folder[] = "/tmp/fpmd-pressure-XXXXXX";

static const char *in_folder(const char *name) {
        static char path[80];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return path;
}

static void test_who_says_nothing(_unused_ void **state) {
        uint32_t events;
        int fd;

        assert_int_equal(pressure_open(NULL, NULL, &fd, &events), PRESSURE_E_OFF);
        assert_int_equal(pressure_open("/dev/null", NULL, &fd, &events), PRESSURE_E_OFF);
        assert_int_equal(pressure_open("a", NULL, &fd, &events), -EINVAL);
        assert_int_equal(pressure_open("/no/such", NULL, &fd, &events), -ENOENT);
        assert_int_equal(pressure_open("/dev/zero", NULL, &fd, &events), -EBADF);
        assert_int_equal(pressure_open(folder, NULL, &fd, &events), -EBADF);
}

static void test_words_over_a_fifo(_unused_ void **state) {
        _cleanup_fd_ int fd = -1, writer = -1;
        const char *path = in_folder("fifo");
        uint32_t events;

        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(pressure_open(path, "c29tZQA=", &fd, &events), 0);
        assert_int_equal(events, EPOLLIN);
        assert_int_equal(pressure_take(fd, EPOLLIN), 0); /* there is nothing, and it does not wait */
        writer = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write(writer, "xyz", 3), 3);
        assert_int_equal(fd_unread(fd), 3);
        assert_int_equal(pressure_take(fd, EPOLLIN), 0);
        assert_int_equal(fd_unread(fd), 0);
        writer = fd_close(writer);
        assert_int_equal(pressure_take(fd, EPOLLIN), 0); /* another one may come */
}

static const struct {
        const char *base64, *bytes;
        size_t n;
        int r;
} writes[] = {
        { "c29tZSAyMDAwMDAgMjAwMDAwMAA=", "some 200000 2000000\0", 20, 0 },
        { "+/+/", "\xfb\xff\xbf", 3, 0 },
        { "YQ==", "a", 1, 0 },
        { "", "", 0, 0 },
        { "YQ", NULL, 0, -EINVAL },
        { "Y===", NULL, 0, -EINVAL },
        { "YQ=a", NULL, 0, -EINVAL },
        { "Y Q=", NULL, 0, -EINVAL },
};

static void test_words_over_a_socket(_unused_ void **state) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        _cleanup_fd_ int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(a.sun_path, sizeof(a.sun_path), "%s", in_folder("socket"));
        assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(listener, 1), 0);
        for (size_t i = 0; i < ELEMENTSOF(writes); i++) {
                _cleanup_fd_ int fd = -1, peer = -1;
                uint32_t events;
                char got[64];

                assert_int_equal(pressure_open(a.sun_path, writes[i].base64, &fd, &events), writes[i].r);
                if (writes[i].r < 0)
                        continue;
                peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                assert_true(peer >= 0);
                if (writes[i].n > 0) {
                        assert_int_equal(read(peer, got, sizeof(got)), writes[i].n);
                        assert_memory_equal(got, writes[i].bytes, writes[i].n);
                }
                assert_int_equal(write(peer, "!", 1), 1);
                assert_int_equal(pressure_take(fd, events), 0);
                peer = fd_close(peer);
                assert_int_equal(pressure_take(fd, events), PRESSURE_E_OFF);
        }
}

static int make_folder(_unused_ void **state) {
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(_unused_ void **state) {
        unlink(in_folder("fifo"));
        unlink(in_folder("socket"));
        return rmdir(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_who_says_nothing),
                cmocka_unit_test(test_words_over_a_fifo),
                cmocka_unit_test(test_words_over_a_socket),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
