/* SPDX-License-Identifier: MIT */
/* tools/ctl/doctor/inierrors.h: what PHP says of a settings file, and what is something else. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"
#include "doctor/inierrors.h"

static const struct {
        const char *line, *file; /* NULL: it is something else */
} lines[] = {
        { "PHP:  syntax error, unexpected END_OF_LINE in /etc/php/8.2/fpm/php.ini on line 3",
          "/etc/php/8.2/fpm/php.ini" },
        { "PHP:  syntax error, unexpected '(' in /srv/a on line 1 of in /php.ini on line 30",
          "/srv/a on line 1 of in /php.ini" },
        { "PHP:  syntax error, unexpected '(' in Unknown on line 3", NULL },
        { "PHP:  syntax error, unexpected '(' in /etc/php.ini", NULL },
        { "PHP Parse error:  syntax error, unexpected '}' in /var/www/html/index.php on line 3", NULL },
        { "", NULL },
};

static void test_lines(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_free_ char *file = NULL;

                assert_int_equal(doctor_inierror_take(lines[i].line, &file), lines[i].file != NULL);
                if (lines[i].file)
                        assert_string_equal(file, lines[i].file);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
