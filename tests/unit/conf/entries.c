/* SPDX-License-Identifier: MIT */
/* What a line may say, where, and what becomes of it. */

#include "conf/entries.h"
#include "conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "given.h"

static const struct given_row rows[] = {
        { "the base is complete", "", "" },
        { "global settings may stand before any section", "!log_level = debug\n" GIVEN_BASE, "" },
        { "and behind the pools", "[global]\nlog_level = error", "" },
        { "a section may go on later", "[global]\n[WWW]\nping.path = /ping\n", "" },
        { "a misspelt name", "pm.max_childern = 3\n",
          "[x:6] unknown entry 'pm.max_childern'\n"
          "[x:6] directive 'pm.max_childern': is it 'pm.max_children'?\n" },
        { "a name like no other", "foo = 3\n", "[x:6] unknown entry 'foo'\n" },
        { "a global one in a pool", "pid = /x\n",
          "[x:6] unknown entry 'pid'\n"
          "[x:6] directive 'pid': it belongs in [global]\n" },
        { "a pool's in global", "[global]\nlisten = 1\n",
          "[x:7] unknown entry 'listen'\n"
          "[x:7] directive 'listen': it belongs in a pool's section\n" },
        { "an array without a key", "php_value = 3\n",
          "[x:6] unknown entry 'php_value'\n"
          "[x:6] directive 'php_value': it is written in a pool's section, as php_value[NAME] = VALUE\n" },
        { "an array with an empty key", "php_value[] = 3\n",
          "[x:6] You must provide a key for field 'php_value'\n"
          "[x:6] directive 'php_value': it is written as php_value[NAME] = VALUE\n" },
        { "a key where none is taken", "pm[x] = 3\n",
          "[x:6] unknown directive 'pm'\n"
          "[x:6] directive 'pm': it takes no [key]\n" },
        { "a key in global", "[global]\npid[x] = 3\n",
          "[x:7] Array are not allowed in the global section\n"
          "[x:7] directive 'pid': it is written in a pool's section\n" },
        { "names in any case", "Clear_Env = no\n", "" },
        { "every problem is told", "a = 1\n# x\npm.max_children = x\n",
          "[x:6] unknown entry 'a'\n"
          "[x:7] value is NULL for a ZEND_INI_PARSER_ENTRY: the line has no '='\n"
          "[x:7] syntax error: a comment starts with ';', not with '#'\n"
          "[x:8] unable to parse value for entry 'pm.max_children': is not a valid number (greater or equal than "
          "zero)\n"
          "[x:8] directive 'pm.max_children': 'x' is no number (nor 'auto')\n" },
        { "a bad flag", "php_flag[x] = 2\n",
          "[x:6] error while parsing 'php_flag[x]' : invalid boolean value\n"
          "[x:6] directive 'php_flag': '2' is neither yes nor no\n" },
        { "an array's name in another case", "Php_value[x] = 3\n", "[x:6] unknown directive 'Php_value'\n" },
        { "$pool in global", "[global]\npid = /$pool\n",
          "[x:7] unable to parse value for entry 'pid': Can't use '$pool' when the pool is not defined\n" },
        { "an empty variable", "env[A] =\n", "[x:6] empty value\n[x:6] directive 'env': env[A] is given nothing\n" },
        { "a priority by script", "queue.priority[high] = /checkout*\n", "" },
        { "a priority by parameter", "queue.priority[low] = \"HTTP_USER_AGENT=*bot*\"\n", "" },
        { "a priority that is none", "queue.priority[urgent] = /x\n",
          "[x:6] directive 'queue.priority': 'urgent' is neither high nor low\n" },
        { "a priority by letters", "queue.priority[low] = /[]a-z]*\nqueue.priority[high] = \"A=[!]]*\\\\[\"\n", "" },
        { "a priority that does not end", "queue.priority[low] = /[a-z*\n",
          "[x:6] directive 'queue.priority': '/[a-z*' has a [ without its ]\n" },
        { "a priority of nothing", "queue.priority[high] =\n",
          "[x:6] directive 'queue.priority': it is written as queue.priority[high] = /PATTERN or \"NAME=PATTERN\"\n" },
        { "a priority of no parameter", "queue.priority[high] = \"=x\"\n",
          "[x:6] directive 'queue.priority': it is written as queue.priority[high] = /PATTERN or \"NAME=PATTERN\"\n" },
        { "requests before clients'",
          "worker.warmup[/a.php] = \"/a?b=1\"\nworker.warmup[/a.php] = https://host.test/\n", "" },
        { "one for no page", "worker.warmup[] = page\n",
          "[x:6] directive 'worker.warmup': 'page' is neither /PATH nor http://HOST/PATH nor https://HOST/PATH\n" },
        { "one for a host without a page", "worker.warmup[] = http://host.test\n",
          "[x:6] directive 'worker.warmup': 'http://host.test' is neither /PATH nor http://HOST/PATH nor "
          "https://HOST/PATH\n" },
        { "one for no host", "worker.warmup[] = http:///page\n",
          "[x:6] directive 'worker.warmup': 'http:///page' is neither /PATH nor http://HOST/PATH nor "
          "https://HOST/PATH\n" },
        { "one of a script that is no path", "worker.warmup[a.php] = /\n",
          "[x:6] directive 'worker.warmup': the script 'a.php' must begin with a '/'\n" },
        { "a path to leave out of the access log", "access.suppress_path[] = /ping\n", "" },
        { "with a key", "access.suppress_path[x] = /ping\n",
          "[x:6] Keys provided to field 'access.suppress_path' are ignored\n"
          "[x:6] directive 'access.suppress_path': it is written as access.suppress_path[] = /PATH\n" },
        { "a pool's name that breaks paths", "[a/b]\nlisten = 3\nfoo = 4\n",
          "[x:6] a pool cannot be named 'a/b': 1 to 63 bytes, none of / $ \" ' \\ [ ] ; = or control bytes\n" },
};

static void test_problems(void **state) {
        given_check(rows, ELEMENTSOF(rows));
}

static void test_the_last_value_stands(void **state) {
        _cleanup_conf_ struct conf *c = given_conf("pm.max_children = 5\npm.max_children = 7\nuser = bin\nuser =\n");

        assert_int_equal(c->pools[0].max_children, 7);
        assert_null(c->pools[0].user);
}

static void test_php_settings_keep_their_order(void **state) {
        _cleanup_conf_ struct conf *c = given_conf(
                "php_value[a] = 1\nphp_admin_flag[b] = on\nphp_flag[c] = \"no\"\nphp_admin_value[d] = /$pool\n");
        const struct conf_pool *p = &c->pools[0];

        assert_int_equal(p->n_php_settings, 4);
        given_assert_setting(&p->php_settings[0], "a", "1", false);
        given_assert_setting(&p->php_settings[1], "b", "1", true);
        given_assert_setting(&p->php_settings[2], "c", "0", false);
        given_assert_setting(&p->php_settings[3], "d", "/www", true);
        assert_null(c->notices[0]);
}

static void test_environment(void **state) {
        _cleanup_conf_ struct conf *c = NULL;
        const struct conf_pairs *env;

        setenv("FPMD_TEST", "$x y", 1);
        unsetenv("FPMD_TEST_NONE");
        c = given_conf("env[A] = $FPMD_TEST\nenv[B] = $FPMD_TEST_NONE\nenv[C] = ${FPMD_TEST}-\nenv[D] = a$FPMD_TEST\n"
                       "env[A] = later\n");
        env = &c->pools[0].env;
        assert_int_equal(env->n, 4);
        assert_string_equal(env->items[0].value, "$x y");
        assert_string_equal(env->items[0].source, "$FPMD_TEST");
        assert_string_equal(env->items[1].value, "");
        assert_string_equal(env->items[3].value, "a$FPMD_TEST");
        assert_string_equal(c->notices[0], "[x:10] env[A] has no effect: x:6 has it already");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_problems),
                cmocka_unit_test(test_the_last_value_stands),
                cmocka_unit_test(test_php_settings_keep_their_order),
                cmocka_unit_test(test_environment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
