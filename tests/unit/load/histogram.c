/* SPDX-License-Identifier: MIT */
/* The load generator's histogram: its buckets and the quantiles read from them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "histogram.h"

/* Every bucket begins where the one before it ends, holds what lies between, and is no wider than a part of its values.
 */
static void test_buckets_are_seamless(void **state) {
        for (uint32_t i = 0; i + 1 < LOAD_HISTOGRAM_BUCKETS; i++) {
                uint64_t lower = load_histogram_lower(i), next = load_histogram_lower(i + 1);

                assert_true(next > lower);
                assert_int_equal(load_histogram_bucket(lower), i);
                assert_int_equal(load_histogram_bucket(next - 1), i);
                assert_true(next - lower <= MAX(lower / LOAD_HISTOGRAM_STEPS, (uint64_t)1));
        }
        assert_int_equal(load_histogram_bucket(UINT64_MAX), LOAD_HISTOGRAM_BUCKETS - 1);
}

static const struct {
        const char *says;
        struct {
                uint64_t ns, times;
        } add[3];
        uint32_t per_100k;
        uint64_t low, high;
} rows[] = {
        { "nothing measured", {}, 50000, 0, 0 },
        { "one alone is every quantile", { { 1000, 1 } }, 1, 1000, 1000 },
        { "also the last", { { 1000, 1 } }, 99900, 1000, 1000 },
        { "small ones are exact", { { 3, 100 }, { 90, 1 } }, 50000, 3, 3 },
        { "never below the true one", { { 1000, 60 }, { 5000, 40 } }, 50000, 1000, 1015 },
        { "half of the entries", { { 100, 50 }, { 100000, 50 } }, 50000, 100, 101 },
        { "one more than half", { { 100, 49 }, { 100000, 51 } }, 50000, 100000, 101560 },
        { "one slow of a thousand is not yet the 99.9th", { { 100, 999 }, { 1000000, 1 } }, 99900, 100, 101 },
        { "two of a thousand are", { { 100, 998 }, { 1000000, 2 } }, 99900, 1000000, 1000000 },
        { "the greatest of all is its own", { { UINT64_MAX, 1 }, { 7, 1 } }, 100000, UINT64_MAX, UINT64_MAX },
};

static void test_quantiles(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct load_histogram h = {};
                uint64_t ns;

                for (size_t k = 0; k < ELEMENTSOF(rows[i].add); k++)
                        for (uint64_t n = 0; n < rows[i].add[k].times; n++)
                                load_histogram_add(&h, rows[i].add[k].ns);
                ns = load_histogram_quantile(&h, rows[i].per_100k);
                if (ns < rows[i].low || ns > rows[i].high)
                        fail_msg("%s: %llu", rows[i].says, (unsigned long long)ns);
        }
}

static void test_mean(void **state) {
        struct load_histogram h = {};

        assert_int_equal(load_histogram_mean(&h), 0);
        load_histogram_add(&h, 1000001);
        load_histogram_add(&h, 3);
        assert_int_equal(load_histogram_mean(&h), 500002);
        assert_int_equal(h.max, 1000001);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_buckets_are_seamless),
                cmocka_unit_test(test_quantiles),
                cmocka_unit_test(test_mean),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
