/* SPDX-License-Identifier: MIT */
/* A model as text: what reads back, and what is told to be without effect. */

#include "conf/dump.h"
#include "conf/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/diff.h"
#include "given.h"

static void test_dump_reads_back(void **state) {
        _cleanup_conf_ struct conf *c = NULL, *back = NULL;
        _cleanup_text_ struct text dump = {}, problems = {};
        static const struct conf_options options = {};

        setenv("FPMD_TEST", "a\"b\\c;${X} ", 1);
        c = given_conf(
                "env[A] = $FPMD_TEST\nenv[B] = \"${FPMD_TEST}\"\nphp_value[\"a b\"] = none\n"
                "php_admin_value[error_reporting] = E_ALL & ~E_NOTICE\nphp_flag[x] = on\nping.response = \"on\"\n"
                "access.format = '%R \"%m %r\" $x'\naccess.suppress_path[] = '/a b'\nqueue.priority[low] = "
                "'A=*b'\nsecurity.limit_extensions =\n"
                "pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 2\nprocess.priority = -3\n"
                "rlimit_core = unlimited\n[global]\nerror_log = syslog\nemergency_restart_interval = 1d\n");
        conf_dump(c, CONF_DUMP_LOADABLE, &dump);
        assert_non_null(strstr(text_peek(&dump), "\n\tpm.max_children = 2\n"));
        assert_non_null(strstr(text_peek(&dump), "\n\tclear_env = yes\n"));
        assert_non_null(strstr(text_peek(&dump), "\n\tphp_admin_value[error_reporting] = "));
        if (conf_load_text("dump", dump.data, dump.n, &options, &back, &problems) != 0)
                fail_msg("%s%s", text_peek(&problems), text_peek(&dump));
        assert_true(conf_diff_pool_equal(&c->pools[0], &back->pools[0]));
        assert_true(conf_diff_global_equal(&c->global, &back->global));
}

static void test_ignored_is_told(void **state) {
        _cleanup_conf_ struct conf *c = given_conf("pm = ondemand\nslowlog = /x\nrequest_terminate_timeout = 0\n"
                                                   "ping.path = /p\n[global]\npid = /x\nevents.mechanism = epoll\n");
        _cleanup_text_ struct text list = {};

        conf_dump_ignored(c, &list);
        assert_string_equal(text_peek(&list), "[x:12] directive 'events.mechanism': accepted, and without effect\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dump_reads_back),
                cmocka_unit_test(test_ignored_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
