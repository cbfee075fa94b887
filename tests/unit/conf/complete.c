/* SPDX-License-Identifier: MIT */
/* What no file says, and what two lines say of one thing. */

#include "conf/complete.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "given.h"

static void test_idle_timeout_is_ten_seconds_with_ondemand_alone(void **state) {
        _cleanup_conf_ struct conf *ondemand = given_conf("pm = ondemand\n"),
                                   *dynamic = given_conf(
                                           "pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 2\n");

        assert_int_equal(ondemand->pools[0].process_idle_timeout, 10 * USEC_PER_SEC);
        assert_int_equal(dynamic->pools[0].process_idle_timeout, 0);
}

/* Which of two alike is in force was found by asking php-fpm: the first, and an admin value wherever it stands. */
static void test_php_settings_given_twice(void **state) {
        _cleanup_conf_ struct conf *c = given_conf("php_value[a] = 1\nphp_flag[a] = on\nphp_value[b] = 1\n"
                                                   "php_admin_value[b] = 2\nphp_admin_value[extension] = x\n"
                                                   "php_admin_value[extension] = y\n");
        const struct conf_pool *p = &c->pools[0];

        assert_int_equal(p->n_php_settings, 4);
        given_assert_setting(&p->php_settings[0], "a", "1", false);
        given_assert_setting(&p->php_settings[1], "b", "2", true);
        given_assert_setting(&p->php_settings[2], "extension", "x", true);
        given_assert_setting(&p->php_settings[3], "extension", "y", true);
        assert_string_equal(c->notices[0], "[x:8] PHP setting 'b' has no effect: x:9 has it already");
        assert_string_equal(c->notices[1], "[x:7] PHP setting 'a' has no effect: x:6 has it already");
        assert_null(c->notices[2]);
}

static void test_start_servers_follow(void **state) {
        _cleanup_conf_ struct conf *c =
                given_conf("pm.max_children = 9\npm = dynamic\npm.min_spare_servers = 2\npm.max_spare_servers = 7\n");

        assert_int_equal(c->pools[0].start_servers, 4);
        assert_non_null(strstr(c->notices[0], "NOTICE: [pool www] pm.start_servers is not set. It's been set to 4."));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_idle_timeout_is_ten_seconds_with_ondemand_alone),
                cmocka_unit_test(test_php_settings_given_twice),
                cmocka_unit_test(test_start_servers_follow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
