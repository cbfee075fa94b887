/* SPDX-License-Identifier: MIT */
/* pool/weight.h as tables. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/weight.h"

static void weight_follows_idle_workers_and_waits(_unused_ void **state) {
        static const struct {
                const char *sentence;
                unsigned n_free, n_max, wait_ms, percent;
        } rows[] = {
                { "all are idle", 4, 4, 0, 100 },
                { "one in four is", 1, 4, 0, 25 },
                { "none is: the least, not nothing", 0, 4, 0, 1 },
                { "a wait of 100 ms halves it", 4, 4, 100, 50 },
                { "one of 300 ms leaves a quarter", 2, 4, 300, 12 },
                { "a wait without end", 4, 4, 4000000000, 1 },
                { "more are free than there may be: settings have just changed", 9, 4, 0, 100 },
                { "no settings yet", 0, 0, 0, 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                unsigned percent = weight_percent(rows[i].n_free, rows[i].n_max, rows[i].wait_ms * USEC_PER_MSEC);

                if (percent != rows[i].percent)
                        fail_msg("%s: %u %%, not %u", rows[i].sentence, percent, rows[i].percent);
        }
}

static void what_is_told_comes_to_what_is(_unused_ void **state) {
        unsigned told = 100;

        assert_int_equal(weight_smooth(100, 1), 50);
        for (unsigned i = 0; i < 8; i++)
                told = weight_smooth(told, 1);
        assert_int_equal(told, 1);
        for (unsigned i = 0; i < 8; i++)
                told = weight_smooth(told, 100);
        assert_int_equal(told, 100);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(weight_follows_idle_workers_and_waits),
                cmocka_unit_test(what_is_told_comes_to_what_is),
        };

        return cmocka_run_group_tests_name("pool/weight", tests, NULL, NULL);
}
