/* SPDX-License-Identifier: MIT */
/* The settings file: what it may say, and that a mistake in it costs its own line alone. */

#include "units/unitsconf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void take(const char *text, struct unitsconf *ret, const char *problems) {
        _cleanup_text_ struct text said = {};

        assert_int_equal(unitsconf_take("u", text, strlen(text), ret, &said), 0);
        assert_string_equal(text_peek(&said), problems);
}

static void test_nothing_is_the_default(void **state) {
        _cleanup_unitsconf_ struct unitsconf c = {};

        take("; pools = /x\n", &c, "");
        assert_int_equal(c.n_folders, 1);
        assert_string_equal(c.folders[0], FPMD_SYSCONFDIR "/pool.d");
}

static void test_folders_and_time(void **state) {
        _cleanup_unitsconf_ struct unitsconf c = {};

        take("pools = /a\npools = \"/b c\"\nexit_idle_time = 90s\n", &c, "");
        assert_int_equal(c.n_folders, 2);
        assert_string_equal(c.folders[1], "/b c");
        assert_int_equal(c.exit_idle, 90 * USEC_PER_SEC);
}

static void test_never(void **state) {
        _cleanup_unitsconf_ struct unitsconf c = {};

        take("exit_idle_time = never\n", &c, "");
        assert_int_equal(c.exit_idle, 0);
}

static void test_users_for_the_time(void **state) {
        _cleanup_unitsconf_ struct unitsconf c = {}, none = {}, wrong = {};

        take("dynamic_users = yes\n", &c, "");
        assert_true(c.dynamic_users);
        take("", &none, "");
        assert_false(none.dynamic_users);
        take("dynamic_users = some\n", &wrong, "[u:1] neither yes nor no\n");
        assert_false(wrong.dynamic_users);
}

static void test_mistakes_are_told_with_their_lines(void **state) {
        _cleanup_unitsconf_ struct unitsconf c = {};

        take("pools = a\nexit_idle_time = soon\npools = /good\n[x]\nfoo = 1\n", &c,
             "[u:1] a folder's path begins with a slash\n"
             "[u:2] a number of seconds from 1 on, or 'never'\n"
             "[u:4] neither 'pools = FOLDER', 'exit_idle_time = TIME' nor 'dynamic_users = yes'\n"
             "[u:5] an unknown name; there are 'pools', 'exit_idle_time' and 'dynamic_users'\n");
        assert_int_equal(c.n_folders, 1);
        assert_string_equal(c.folders[0], "/good");
}

static void test_a_missing_file_is_the_default(void **state) {
        _cleanup_unitsconf_ struct unitsconf c = {};
        _cleanup_text_ struct text said = {};

        assert_int_equal(unitsconf_load("/nonexistent/units.conf", &c, &said), 0);
        assert_int_equal(said.n, 0);
        assert_int_equal(c.n_folders, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing_is_the_default),
                cmocka_unit_test(test_folders_and_time),
                cmocka_unit_test(test_never),
                cmocka_unit_test(test_users_for_the_time),
                cmocka_unit_test(test_mistakes_are_told_with_their_lines),
                cmocka_unit_test(test_a_missing_file_is_the_default),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
