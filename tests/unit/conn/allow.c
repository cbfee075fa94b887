/* SPDX-License-Identifier: MIT */
/* listen.allowed_clients and listen.peer_users: lists, peers, verdicts. */

#include <arpa/inet.h>
#include <errno.h>
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
#include "conn/allow.h"

static struct addr peer(const char *text) {
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

static const struct {
        const char *says;
        const char *list;
        const char *peer;
        bool permitted;
} rows[] = {
        { "no list permits everybody", NULL, "192.0.2.1:1", true },
        { "an empty list permits nobody", "", "192.0.2.1:1", false },
        { "an empty list does not concern a unix peer", "", "/run/x.sock", true },
        { "a list that names nobody permits nobody", " , ", "[2001:db8::1]:1", false },
        { "any permits everybody", "any", "192.0.2.1:1", true },
        { "any beside an address permits everybody", "127.0.0.1,any", "192.0.2.1:1", true },
        { "the one address", "127.0.0.1", "127.0.0.1:9", true },
        { "another address", "127.0.0.1", "127.0.0.2:9", false },
        { "the last of several", "10.0.0.1, 10.0.0.2\t10.0.0.3", "10.0.0.3:1", true },
        { "none of several", "10.0.0.1, 10.0.0.2\t10.0.0.3", "10.0.0.4:1", false },
        { "v6", "::1", "[::1]:9", true },
        { "v6 by another spelling", "2001:db8:0:0::1", "[2001:db8::1]:9", true },
        { "another v6", "::1", "[::2]:9", false },
        { "a v4 peer of a v6 listener", "127.0.0.1", "[::ffff:127.0.0.1]:9", true },
        { "another v4 peer of a v6 listener", "127.0.0.1", "[::ffff:127.0.0.2]:9", false },
        { "a mapped address in the list", "::ffff:127.0.0.1", "127.0.0.1:9", true },
        { "v4 loopback is not v6 loopback", "127.0.0.1", "[::1]:9", false },
        { "a unix peer has no address", "127.0.0.1", "/run/x.sock", true },
};

static void test_verdicts(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_allow_ struct allow a = {};
                struct addr p = peer(rows[i].peer);

                assert_int_equal(allow_parse(&(struct allow_lists){ rows[i].list }, &a, NULL), 0);
                if (allow_permits(&a, &p) != rows[i].permitted)
                        fail_msg("%s", rows[i].says);
        }
}

static void test_unnamed_unix_peers_are_permitted(void **state) {
        _cleanup_allow_ struct allow a = {};
        struct addr p = { .n = sizeof(sa_family_t), .un.sun_family = AF_UNIX };

        assert_int_equal(allow_parse(&(struct allow_lists){ "127.0.0.1" }, &a, NULL), 0);
        assert_true(allow_permits(&a, &p));
}

static void test_peers_of_other_families_are_not(void **state) {
        _cleanup_allow_ struct allow a = {};
        struct addr p = { .n = sizeof(sa_family_t), .sa.sa_family = AF_VSOCK };

        assert_int_equal(allow_parse(&(struct allow_lists){ "127.0.0.1" }, &a, NULL), 0);
        assert_false(allow_permits(&a, &p));
}

static unsigned n_wrong;

static void count_wrong(const char *word) {
        n_wrong++;
}

static void test_what_is_no_address_admits_nobody(void **state) {
        static const char *const lists[] = { "localhost",
                                             "127.0.0.0/8",
                                             "127.0.0.256",
                                             "::g",
                                             "1",
                                             "anybody",
                                             "1234:1234:1234:1234:1234:1234:1234:1234:1234:1234:1234" };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                _cleanup_allow_ struct allow a = {};

                n_wrong = 0;
                assert_int_equal(allow_parse(&(struct allow_lists){ lists[i] }, &a, count_wrong), 0);
                assert_int_equal(n_wrong, 1);
                assert_true(a.restricts && a.n == 0);
        }
}

static void test_the_addresses_beside_it_hold(void **state) {
        _cleanup_allow_ struct allow a = {};

        n_wrong = 0;
        assert_int_equal(allow_parse(&(struct allow_lists){ "127.0.0.1,,nobody, ::1" }, &a, count_wrong), 0);
        assert_int_equal(n_wrong, 2);
        assert_int_equal(a.n, 2);
}

static const struct {
        const char *says;
        const char *uids;
        uid_t uid;
        bool permitted;
} users[] = {
        { "no list permits everybody", NULL, 33, true },
        { "no list permits who has no user", NULL, (uid_t)-1, true },
        { "an empty list permits nobody, root included", "", 0, false },
        { "the one user", "33", 33, true },
        { "the last of several", "0 1 33", 33, true },
        { "none of several", "0 1 33", 3, false },
        { "root is named like others", "33", 0, false },
        { "who has no user is never named", "33 4294967295", (uid_t)-1, false },
        { "what is no number names nobody", "x33 -1 33x", 33, false },
};

static void test_users(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(users); i++) {
                _cleanup_allow_ struct allow a = {};

                assert_int_equal(allow_parse(&(struct allow_lists){ .uids = users[i].uids }, &a, NULL), 0);
                if (allow_permits_user(&a, users[i].uid) != users[i].permitted)
                        fail_msg("%s", users[i].says);
        }
}

/* The other end of a pair is this process's own; a connection over TCP has no user. */
static void test_a_connections_user_is_the_kernels_word(void **state) {
        struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        _Atomic uint64_t n_denied = 0;
        socklen_t n = sizeof(any);
        int pair[2], listener, tcp;
        char self[16];

        snprintf(self, sizeof(self), "%u", geteuid());
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(bind(listener, (struct sockaddr *)&any, n) == 0 && listen(listener, 1) == 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&any, &n), 0);
        assert_int_equal(connect(tcp, (struct sockaddr *)&any, n), 0);
        for (int named = 0; named < 2; named++) {
                _cleanup_allow_ struct allow a = {};

                assert_int_equal(allow_parse(&(struct allow_lists){ .uids = named ? self : "4294967294" }, &a, NULL),
                                 0);
                a.n_denied = &n_denied;
                assert_int_equal(allow_admits(&a, pair[0], "www"), named);
                assert_false(allow_admits(&a, tcp, "www"));
        }
        assert_int_equal(n_denied, 3);
        close(pair[0]);
        close(pair[1]);
        close(listener);
        close(tcp);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_verdicts),
                cmocka_unit_test(test_unnamed_unix_peers_are_permitted),
                cmocka_unit_test(test_peers_of_other_families_are_not),
                cmocka_unit_test(test_what_is_no_address_admits_nobody),
                cmocka_unit_test(test_the_addresses_beside_it_hold),
                cmocka_unit_test(test_users),
                cmocka_unit_test(test_a_connections_user_is_the_kernels_word),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
