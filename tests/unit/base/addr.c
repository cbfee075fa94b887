/* SPDX-License-Identifier: MIT */
/* Addresses as `listen` writes them, and as sockets report them. */

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/fd.h"

#define PATH_107                                                                                                       \
        "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
        const char *says;
        const char *text;
        int r;
        const char *formatted; /* NULL: not looked at */
} rows[] = {
        { "a path", "/run/php/php-fpm.sock", 0, "/run/php/php-fpm.sock" },
        { "a relative path", "run/x.sock", 0, "run/x.sock" },
        { "a path with a colon is a path", "/run/a:9000", 0, "/run/a:9000" },
        { "the longest path", PATH_107, 0, PATH_107 },
        { "one byte longer", PATH_107 "a", -ENAMETOOLONG, NULL },
        { "v4 and port", "127.0.0.1:9000", 0, "127.0.0.1:9000" },
        { "v4 wildcard", "0.0.0.0:9000", 0, "0.0.0.0:9000" },
        { "v6 and port", "[::1]:9000", 0, "[::1]:9000" },
        { "v6 without brackets: the last colon counts", "::1:9000", 0, "[::1]:9000" },
        { "the highest port", "127.0.0.1:65535", 0, "127.0.0.1:65535" },
        { "a port alone", "9000", 0, NULL },
        { "port 0", "127.0.0.1:0", -ERANGE, NULL },
        { "port 0 alone", "0", -ERANGE, NULL },
        { "port too high", "127.0.0.1:65536", -ERANGE, NULL },
        { "port of many digits", "127.0.0.1:99999999999999999999", -ERANGE, NULL },
        { "no port", "127.0.0.1:", -EINVAL, NULL },
        { "no host", ":9000", -EINVAL, NULL },
        { "empty brackets", "[]:9000", -EINVAL, NULL },
        { "brackets without port", "[::1]", -EINVAL, NULL },
        { "a word", "socket", -EINVAL, NULL },
        { "nothing", "", -EINVAL, NULL },
        { "half a pair of brackets is a name, and not a known one", "[::1:9000", -ENXIO, NULL },
};

static void test_parse(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char buf[ADDR_TEXT_MAX];
                struct addr a = { .n = 77 };
                int r = addr_parse(rows[i].text, &a);

                if (r != rows[i].r || (r < 0 && a.n != 77))
                        fail_msg("%s: %d", rows[i].says, r);
                if (rows[i].formatted && strcmp(addr_format(&a, buf), rows[i].formatted) != 0)
                        fail_msg("%s: %s", rows[i].says, buf);
        }
}

static void test_host_too_long(void **state) {
        char host[300];
        struct addr a;

        memset(host, 'a', sizeof(host));
        memcpy(host + sizeof(host) - 6, ":9000", 6);
        assert_int_equal(addr_parse(host, &a), -EINVAL);
}

/* What is parsed can be bound, and the bound socket says the same address. */
static void test_parsed_is_what_a_socket_has(void **state) {
        static const char *const texts[] = { "127.0.0.1:1", "0.0.0.0:1", "1" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_fd_ int fd = -1;
                struct addr want, got;

                assert_int_equal(addr_parse(texts[i], &want), 0);
                ((struct sockaddr_in *)&want.storage)->sin_port = 0; /* any free one; same place in both versions */
                fd = socket(want.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
                assert_true(fd >= 0);
                assert_int_equal(bind(fd, &want.sa, want.n), 0);
                assert_int_equal(addr_of_socket(fd, &got), 0);
                ((struct sockaddr_in *)&want.storage)->sin_port = ((struct sockaddr_in *)&got.storage)->sin_port;
                assert_true(addr_equal(&want, &got));
                assert_int_equal(want.n, got.n);
        }
}

static void test_hosts(_unused_ void **state) {
        static const char *const hosts[][2] = {
                { "127.0.0.1:9000", "127.0.0.1" },
                { "[::1]:9000", "::1" },
                { "[::ffff:127.0.0.1]:9000", "127.0.0.1" },
                { "/run/x.sock", "/run/x.sock" },
        };

        for (size_t i = 0; i < ELEMENTSOF(hosts); i++) {
                char buf[ADDR_TEXT_MAX];
                struct addr a;

                assert_int_equal(addr_parse(hosts[i][0], &a), 0);
                assert_string_equal(addr_format_host(&a, buf), hosts[i][1]);
        }
}

static void test_unix_sockets(void **state) {
        char dir[] = "/tmp/fpmd-test-XXXXXX", path[64], buf[ADDR_TEXT_MAX];
        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        _cleanup_fd_ int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer = -1;
        struct addr want, got;

        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/s", dir);
        assert_int_equal(addr_parse(path, &want), 0);
        assert_int_equal(bind(fd, &want.sa, want.n), 0);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(addr_of_socket(fd, &got), 0);
        assert_true(addr_equal(&want, &got));
        assert_string_equal(addr_format(&got, buf), path);

        assert_int_equal(connect(client, &want.sa, want.n), 0);
        peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(peer >= 0);
        assert_int_equal(addr_of_peer(peer, &got), 0);
        assert_string_equal(addr_format(&got, buf), "unix");
        assert_int_equal(addr_of_peer(client, &got), 0);
        assert_string_equal(addr_format(&got, buf), path);
        assert_int_equal(addr_of_peer(fd, &got), -ENOTCONN);
        assert_int_equal(addr_of_socket(-1, &got), -EBADF);
        unlink(path);
        rmdir(dir);
}

static struct addr addr_unix_bytes(const void *path, size_t n) {
        struct addr a = { .n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n), .un.sun_family = AF_UNIX };

        memcpy(a.un.sun_path, path, n);
        return a;
}

/* A kernel reports paths with and without a NUL at the end; a path of 108 bytes has none. */
static void test_unix_lengths(void **state) {
        struct addr with = addr_unix_bytes("/x", 3), without = addr_unix_bytes("/x", 2);
        struct addr name = addr_unix_bytes("\0x", 2), longer = addr_unix_bytes("\0x\0", 3), full;
        char buf[ADDR_TEXT_MAX], path[108];

        assert_true(addr_equal(&with, &without));
        assert_string_equal(addr_format(&name, buf), "@x");
        assert_false(addr_equal(&name, &longer)); /* in an abstract name every byte counts */
        assert_false(addr_equal(&name, &with));

        memset(path, '/', sizeof(path));
        full = addr_unix_bytes(path, sizeof(path));
        assert_int_equal(strlen(addr_format(&full, buf)), 108);
        assert_true(addr_equal(&full, &full));
}

static const struct {
        const char *says;
        const char *a, *b;
        bool equal;
} pairs[] = {
        { "the same", "127.0.0.1:9000", "127.0.0.1:9000", true },
        { "another port", "127.0.0.1:9000", "127.0.0.1:9001", false },
        { "another address", "127.0.0.1:9000", "127.0.0.2:9000", false },
        { "the wildcards of both versions", "0.0.0.0:9000", "[::]:9000", true },
        { "a bare port and the v6 wildcard", "9000", "[::]:9000", true },
        { "a bare port and the v4 wildcard", "9000", "0.0.0.0:9000", true },
        { "wildcards, other ports", "0.0.0.0:9000", "[::]:9001", false },
        { "a wildcard is not one of its addresses", "0.0.0.0:9000", "127.0.0.1:9000", false },
        { "v4 and its mapped v6 form", "127.0.0.1:9000", "[::ffff:127.0.0.1]:9000", false },
        { "v6", "[::1]:9000", "[::1]:9000", true },
        { "another v6", "[::1]:9000", "[::2]:9000", false },
        { "paths", "/a", "/a", true },
        { "one path begins the other", "/a", "/ab", false },
        { "a path and a port", "/a", "9000", false },
};

static void test_equal(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                struct addr a, b;

                assert_int_equal(addr_parse(pairs[i].a, &a), 0);
                assert_int_equal(addr_parse(pairs[i].b, &b), 0);
                if (addr_equal(&a, &b) != pairs[i].equal || addr_equal(&b, &a) != pairs[i].equal)
                        fail_msg("%s", pairs[i].says);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_host_too_long),
                cmocka_unit_test(test_parsed_is_what_a_socket_has),
                cmocka_unit_test(test_hosts),
                cmocka_unit_test(test_unix_sockets),
                cmocka_unit_test(test_unix_lengths),
                cmocka_unit_test(test_equal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
