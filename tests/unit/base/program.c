/* SPDX-License-Identifier: MIT */
/* Which name a program goes by. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/program.h"
#include "base/text.h"

static const struct {
        const char *argv0;
        const char *name;
        const char *command;
} rows[] = {
        { "fpmd", "fpmd", "fpmd" },
        { "/usr/sbin/fpmd", "fpmd", "fpmd" },
        { "php-fpm", "php-fpm", "php-fpm" },
        { "/usr/sbin/php-fpm8.4", "php-fpm", "php-fpm8.4" },
        { "../php-fpm", "php-fpm", "php-fpm" },
        { "/opt/php-fpm/fpmd", "fpmd", "fpmd" },
        { "my-php-fpm", "fpmd", "my-php-fpm" },
        { "php-fpm-with-a-long-name", "php-fpm", "php-fpm-with-a-" },
};

static void test_names(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                program_init(rows[i].argv0);
                if (!text_equal(program_name(), rows[i].name) || !text_equal(program_command(), rows[i].command))
                        fail_msg("%s: %s, %s", rows[i].argv0, program_name(), program_command());
                assert_int_equal(program_is_php_fpm(), text_equal(rows[i].name, "php-fpm"));
        }
}

/* execve(2) takes an empty argument list. */
static void test_no_name_changes_nothing(void **state) {
        program_init("php-fpm8.2");
        program_init(NULL);
        program_init("");
        program_init("/");
        assert_string_equal(program_command(), "php-fpm8.2");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_no_name_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
