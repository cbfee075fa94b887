/* SPDX-License-Identifier: MIT */
/* pool/crashes.h as a table of sentences. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/crashes.h"

static const struct {
        const char *sentence;
        unsigned threshold;
        usec_t interval;
        usec_t times[8];
        const char *reached; /* one letter for each time: y, n */
} rows[] = {
        { "without a threshold it is never reached", 0, 100, { 1, 1, 1 }, "nnn" },
        { "nor without an interval", 1, 0, { 1, 1, 1 }, "nnn" },
        { "a threshold of one is every crash", 1, 100, { 1, 1, 500 }, "yyy" },
        { "three in the interval", 3, 100, { 10, 20, 30 }, "nny" },
        { "the interval's end belongs to it", 3, 100, { 10, 20, 110 }, "nny" },
        { "three that are spread wider", 3, 100, { 10, 20, 111, 112 }, "nnny" },
        { "counting begins anew", 2, 100, { 10, 20, 30, 40, 50 }, "nynyn" },
};

static void test_crashes(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                static struct crashes c;

                c = (struct crashes){};
                for (size_t k = 0; k < strlen(rows[i].reached); k++)
                        if (crashes_add(&c, rows[i].threshold, rows[i].interval, rows[i].times[k]) !=
                            (rows[i].reached[k] == 'y'))
                                fail_msg("%s: crash %zu", rows[i].sentence, k);
        }
}

static void test_memory_is_bounded(void **state) {
        static struct crashes c;
        unsigned n = 0;

        for (unsigned i = 0; i < 10 * CRASHES_MAX; i++)
                n += crashes_add(&c, UINT32_MAX, 1, 5);
        assert_int_equal(n, 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_crashes),
                cmocka_unit_test(test_memory_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
