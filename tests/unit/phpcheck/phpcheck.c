/* SPDX-License-Identifier: MIT */
/* Who starts PHP for pools, with a shell in place of the program that does. */

#include "phpcheck/phpcheck.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "conf/load.h"

#define POOL(name) "[" name "]\nlisten = /run/" name ".sock\npm = ondemand\npm.max_children = 1\nphp_value[x] = 1\n"

static void check(const char *text, const char *script, const char *said) {
        static const struct conf_options options = { .text_only = true };
        _cleanup_text_ struct text problems = {}, out = {};
        _cleanup_conf_ struct conf *conf = NULL;
        _cleanup_fd_ int program = open("/bin/sh", O_RDONLY | O_CLOEXEC);

        assert_true(program >= 0);
        assert_int_equal(conf_load_text("x", text, strlen(text), &options, &conf, &problems), 0);
        assert_int_equal(
                phpcheck_run(&(struct phpcheck){ .program = program,
                                                 .argv = (char *[]){ (char *)"sh", (char *)"-c", (char *)script, NULL },
                                                 .allow_root = true },
                             conf, &out),
                0);
        assert_string_equal(text_peek(&out), said);
}

/* Each waits for another one: of a row of them none would come. */
static void test_two_at_once(void **state) {
        char folder[] = "/tmp/fpmd-phpcheck-XXXXXX", script[256];

        assert_non_null(mkdtemp(folder));
        assert_int_equal(chmod(folder, 0777), 0);
        snprintf(script, sizeof(script),
                 "cd %s; : >$$; while set -- *; [ $# -lt 2 ]; do kill -0 $PPID || exit; done; echo 'x: together'",
                 folder);
        check(POOL("a") POOL("b"), script, "x: together\n");
        snprintf(script, sizeof(script), "rm -r %s", folder);
        assert_int_equal(system(script), 0);
}

/* The settings are at descriptor 3. */
static void test_order_of_the_pools(void **state) {
        static const char script[] = "tr -c 'a-z' '\\n' <&3 | grep -x -m1 'one\\|two\\|three'";
        static const char pools[] = POOL("two") POOL("one") POOL("three");

        check(pools, script, "two\none\nthree\n");
}

static void test_one_that_ends_badly_is_told(void **state) {
        check(POOL("a") POOL("b"), "tr -c 'a-z' '\\n' <&3 | grep -qx a && exit 1; echo 'x: fine'",
              "WARNING: [x:1] pool 'a': PHP does not start: its process ends\nx: fine\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_two_at_once),
                cmocka_unit_test(test_order_of_the_pools),
                cmocka_unit_test(test_one_that_ends_badly_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
