/* SPDX-License-Identifier: MIT */
/* Jain's index, as a table of who got how much. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "fairness.h"

static const struct {
        const char *says;
        uint64_t x[4];
        double is;
} rows[] = {
        { "all the same", { 7, 7, 7, 7 }, 1.0 },
        { "one gets all", { 0, 12, 0, 0 }, 0.25 },
        { "half get all", { 5, 0, 5, 0 }, 0.5 },
        { "one gets double", { 1, 1, 1, 2 }, 25.0 / 28 },
        { "nothing to share", { 0, 0, 0, 0 }, 1.0 },
        { "beyond 64 bits when squared", { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX }, 1.0 },
};

static void test_jain(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                double is = load_fairness_jain(rows[i].x, ELEMENTSOF(rows[i].x));

                if (is < rows[i].is - 1e-9 || is > rows[i].is + 1e-9)
                        fail_msg("%s: %f", rows[i].says, is);
        }
        assert_true(load_fairness_jain(NULL, 0) == 1.0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_jain) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
