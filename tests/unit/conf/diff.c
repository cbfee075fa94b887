/* SPDX-License-Identifier: MIT */
/* What changed between two configurations. */

#include "conf/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conf/load.h"
#include "given.h"

static const struct {
        const char *sentence;
        const char *before;
        const char *after;
        const char *names; /* "": equal */
} rows[] = {
        { "the same", "user = a\n", "user = a\n", "" },
        { "another line number is no change", "user = a\n", "\n\nuser = a\n", "" },
        { "a default written out is no change", "", "clear_env = yes\nlisten.backlog = -1\n", "" },
        { "another spelling is no change", "listen.mode = 0660\n", "listen.mode = 660\n", "" },
        { "minutes and seconds are the same", "pm.process_idle_timeout = 1m\n", "pm.process_idle_timeout = 60\n", "" },
        { "a setting that has no effect is no change", "php_value[a] = 1\n", "php_value[a] = 1\nphp_value[a] = 2\n",
          "" },
        { "a number", "pm.max_requests = 1\n", "pm.max_requests = 2\n", "pm.max_requests" },
        { "a text that came", "user =\n", "user = a\n", "user" },
        { "several", "chdir = /\n", "pm = ondemand\n", "pm, pm.process_idle_timeout, pool.sleep_after, chdir" },
        { "a variable's value", "env[A] = 1\n", "env[A] = 2\n", "env" },
        { "a variable's name", "env[A] = 1\n", "env[B] = 1\n", "env" },
        { "the order of PHP settings", "php_value[a] = 1\nphp_value[b] = 1\n", "php_value[b] = 1\nphp_value[a] = 1\n",
          "php_value" },
        { "an admin setting is another one", "php_value[a] = 1\n", "php_admin_value[a] = 1\n", "php_value" },
        { "no extensions and the default ones", "", "security.limit_extensions =\n", "security.limit_extensions" },
        { "a priority of 0 and none", "", "process.priority = 0\n", "process.priority" },
        { "a priority", "", "queue.priority[low] = /x\n", "queue.priority" },
        { "an access path", "", "access.suppress_path[] = /x\n", "access.suppress_path" },
};

static void test_pools(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_conf_ struct conf *a = given_conf(rows[i].before), *b = given_conf(rows[i].after);
                _cleanup_text_ struct text names = {};
                size_t n;

                n = conf_diff_pool(&a->pools[0], &b->pools[0], &names);
                if (!text_equal(text_peek(&names), rows[i].names))
                        fail_msg("%s: %s", rows[i].sentence, text_peek(&names));
                assert_int_equal(n > 0, *rows[i].names != '\0');
                assert_int_equal(conf_diff_pool_equal(&a->pools[0], &b->pools[0]), n == 0);
                assert_int_equal(conf_diff_pool_equal(&b->pools[0], &a->pools[0]), n == 0);
        }
}

static void test_global(void **state) {
        _cleanup_conf_ struct conf *a = given_conf(""), *b = given_conf("[global]\npid = /x\nlog_level = error\n");
        _cleanup_text_ struct text reload = {}, restart = {};

        assert_int_equal(conf_diff_global(&a->global, &b->global, CONF_APPLIES_RELOAD, &reload), 1);
        assert_string_equal(text_peek(&reload), "log_level");
        assert_int_equal(conf_diff_global(&a->global, &b->global, CONF_APPLIES_RESTART, &restart), 1);
        assert_string_equal(text_peek(&restart), "pid");
        assert_false(conf_diff_global_equal(&a->global, &b->global));
        assert_true(conf_diff_global_equal(&a->global, &a->global));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pools),
                cmocka_unit_test(test_global),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
