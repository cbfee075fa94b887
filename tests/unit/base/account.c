/* SPDX-License-Identifier: MIT */
/* Users and groups: digits are a number, whatever names there are. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/account.h"
#include "base/macros.h"

static void test_users(void **state) {
        static const struct {
                const char *name;
                int r;
                uid_t uid;
                bool by_number, root;
        } users[] = {
                { "root", 0, 0, false, true },
                { "0", 0, 0, true, true },
                { "000", 0, 0, true, true },
                { "4294967294", 0, 4294967294U, true, false },
                { "4294967295", -ENOENT, 0, false, false }, /* -1 is no user */
                { "99999999999999999999", -ENOENT, 0, false, false },
                { "-1", -ENOENT, 0, false, false },
                { "no such user", -ENOENT, 0, false, false },
                { "", -ENOENT, 0, false, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(users); i++) {
                struct account user;

                assert_int_equal(account_user(users[i].name, &user), users[i].r);
                assert_int_equal(account_is_root_user(users[i].name), users[i].root);
                if (users[i].r < 0)
                        continue;
                assert_int_equal(user.uid, users[i].uid);
                assert_int_equal(user.by_number, users[i].by_number);
                assert_string_equal(user.name, users[i].root ? "root" : "");
                assert_int_equal(user.gid, users[i].root ? 0 : (gid_t)-1);
        }
}

static void test_groups(void **state) {
        gid_t gid;

        assert_int_equal(account_group("root", &gid), 0);
        assert_int_equal(gid, 0);
        assert_int_equal(account_group("4711", &gid), 0);
        assert_int_equal(gid, 4711);
        assert_int_equal(account_group("4294967295", &gid), -ENOENT);
        assert_int_equal(account_group("no such group", &gid), -ENOENT);
        assert_true(account_is_root_group("root"));
        assert_true(account_is_root_group("00"));
        assert_false(account_is_root_group("no such group"));
        assert_false(account_is_root_group("1"));
}

static void test_names_alone(void **state) {
        uid_t uid;
        gid_t gid;

        assert_int_equal(account_named_user("root", &uid), 0);
        assert_int_equal(uid, 0);
        assert_int_equal(account_named_user("0", &uid), -ENOENT);
        assert_int_equal(account_named_group("root", &gid), 0);
        assert_int_equal(gid, 0);
        assert_int_equal(account_named_group("0", &gid), -ENOENT);
}

static unsigned n_looks;

/* In place of the C library's. */
struct passwd *getpwnam(const char *name) {
        static struct passwd pw;
        static char buf[4096];
        struct passwd *found = NULL;

        n_looks++;
        errno = getpwnam_r(name, &pw, buf, sizeof(buf), &found);
        return found;
}

struct group *getgrnam(const char *name) {
        static struct group gr;
        static char buf[65536];
        struct group *found = NULL;

        n_looks++;
        errno = getgrnam_r(name, &gr, buf, sizeof(buf), &found);
        return found;
}

static void look_for_all(unsigned n_times) {
        for (unsigned i = 0; i < n_times; i++) {
                struct account user;
                gid_t gid = 1;

                assert_int_equal(account_user("root", &user), 0);
                assert_string_equal(user.name, "root");
                assert_int_equal(user.uid + user.gid, 0);
                assert_int_equal(account_group("root", &gid), 0);
                assert_int_equal(gid, 0);
                assert_int_equal(account_user("no such user", &user), -ENOENT);
        }
}

static void test_who_is_remembered_is_not_looked_for(void **state) {
        n_looks = 0;
        look_for_all(5);
        assert_int_equal(n_looks, 15);
        account_remember();
        n_looks = 0;
        look_for_all(5);
        assert_int_equal(n_looks, 1 + 1 + 5); /* who is not there may come */
        account_forget();
        n_looks = 0;
        look_for_all(5);
        assert_int_equal(n_looks, 15);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_users),
                cmocka_unit_test(test_groups),
                cmocka_unit_test(test_names_alone),
                cmocka_unit_test(test_who_is_remembered_is_not_looked_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
