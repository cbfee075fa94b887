/* SPDX-License-Identifier: MIT */
/* How long until then, as poll(2) wants it. */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/time.h"

static const struct {
        const char *says;
        usec_t now, then;
        int msec;
} rows[] = {
        { "due now", 5000, 5000, 0 },
        { "due long ago", 900000, 5000, 0 },
        { "a whole number", 1000, 3000, 2 },
        { "up, or who wakes finds it not yet due", 1000, 3001, 3 },
        { "less than the least", 1000, 1001, 1 },
        { "further than poll() can wait", 0, (usec_t)INT_MAX *USEC_PER_MSEC + 1, INT_MAX },
        { "the last time there is", 0, USEC_INFINITY - 1, INT_MAX },
        { "never", 1000, USEC_INFINITY, -1 },
        { "never is not now, even then", USEC_INFINITY, USEC_INFINITY, -1 },
};

static void test_left(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                int msec = time_left_msec(rows[i].now, rows[i].then);

                if (msec != rows[i].msec)
                        fail_msg("%s: %d ms, not %d", rows[i].says, msec, rows[i].msec);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
