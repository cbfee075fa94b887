/* SPDX-License-Identifier: MIT */
/* The defaults of the table. */

#include "conf/values.h"
#include "conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "given.h"

static void test_defaults(void **state) {
        _cleanup_conf_ struct conf *c = given_conf("");
        const struct conf_pool *p = &c->pools[0];

        assert_int_equal(c->global.process_control_timeout, 30 * USEC_PER_SEC);
        assert_int_equal(c->global.log_level, LOG_LEVEL_NOTICE);
        assert_false(c->global.daemonize);
        assert_null(c->global.error_log);
        assert_int_equal(p->listen_backlog, -1);
        assert_int_equal(p->listen_mode, 0660);
        assert_int_equal(p->max_requests, 0);
        assert_true(p->clear_env);
        assert_false(p->catch_workers_output);
        assert_string_equal(p->ping_response, "pong");
        assert_string_equal(p->limit_extensions[0], ".php");
        assert_string_equal(p->limit_extensions[1], ".phar");
        assert_null(p->limit_extensions[2]);
        assert_int_equal(p->process_priority, CONF_INT_UNSET);
        assert_int_equal(p->where.line, 1);
        assert_int_equal(p->listen_where.line, 3);
        assert_string_equal(p->listen_where.file, "x");
}

static void test_defaults_of_the_table_read_back(void **state) {
        struct conf_pool pool = {};

        for (size_t i = 0; i < _CONF_POOL_MAX; i++) {
                const struct conf_directive *d = &conf_pool_directives[i];

                assert_int_equal(conf_value_init(d, &pool), 0);
                assert_true(conf_value_is_initial(d, &pool));
                assert_int_equal(conf_value_is_set(d, &pool), d->initial != NULL);
                assert_int_equal(conf_rows_find_pool(d->name), i);
        }
        for (size_t i = 0; i < _CONF_POOL_MAX; i++)
                conf_value_clear(&conf_pool_directives[i], &pool);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_defaults_of_the_table_read_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
