/* SPDX-License-Identifier: MIT */
/* The histogram's buckets (shared with the BPF program) and the quantiles read from them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "hist.h"

static void add(struct trace_hist *h, uint64_t ns, uint64_t times) {
        h->buckets[trace_hist_bucket(ns)] += times;
        h->n += times;
        h->sum += ns * times;
        h->max = MAX(h->max, ns);
}

/* Every bucket begins where the one before it ends, and what lies between its bounds is put into it. */
static void test_buckets_are_seamless(void **state) {
        for (uint32_t i = 0; i + 1 < TRACE_HIST_BUCKETS; i++) {
                uint64_t lower = trace_hist_lower(i), next = trace_hist_lower(i + 1);

                assert_true(next > lower);
                assert_int_equal(trace_hist_bucket(lower), i);
                assert_int_equal(trace_hist_bucket(next - 1), i);
                assert_true(next - lower <= MAX(lower / TRACE_HIST_STEPS, (uint64_t)1));
        }
        assert_int_equal(trace_hist_bucket(trace_hist_lower(TRACE_HIST_BUCKETS - 1)), TRACE_HIST_BUCKETS - 1);
        assert_int_equal(trace_hist_bucket(UINT64_MAX), TRACE_HIST_BUCKETS - 1);
}

static const struct {
        const char *says;
        struct {
                uint64_t ns, times;
        } add[3];
        unsigned per_mille;
        uint64_t low, high;
} rows[] = {
        { "nothing measured", {}, 500, 0, 0 },
        { "one alone is every quantile", { { 1000, 1 } }, 500, 875, 1000 },
        { "also the last", { { 1000, 1 } }, 990, 875, 1000 },
        { "never above the greatest", { { 1025, 7 } }, 990, 1024, 1025 },
        { "small ones are exact", { { 3, 100 } }, 500, 3, 3 },
        { "half of the entries", { { 100, 50 }, { 100000, 50 } }, 500, 96, 104 },
        { "one more than half", { { 100, 49 }, { 100000, 51 } }, 500, 98304, 100000 },
        { "99 of 100 do not see the slow one", { { 1000, 99 }, { 5000000, 1 } }, 990, 960, 1024 },
        { "98 do", { { 1000, 98 }, { 5000000, 2 } }, 990, 4718592, 5000000 },
        { "the middle of three", { { 10, 1 }, { 1000, 1 }, { 100000, 1 } }, 500, 960, 1024 },
        { "counts whose product with 1000 does not fit",
          { { 100, UINT64_MAX / 4 }, { 100000, UINT64_MAX / 4 } },
          990,
          98304,
          100000 },
        { "beyond the last bucket's bound, the greatest",
          { { UINT64_MAX - 1, 1 } },
          500,
          UINT64_MAX - 1,
          UINT64_MAX - 1 },
};

static void test_quantiles(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct trace_hist h = {};
                uint64_t ns;

                for (size_t k = 0; k < ELEMENTSOF(rows[i].add); k++)
                        if (rows[i].add[k].times > 0)
                                add(&h, rows[i].add[k].ns, rows[i].add[k].times);
                ns = trace_hist_quantile(&h, rows[i].per_mille);
                if (ns < rows[i].low || ns > rows[i].high)
                        fail_msg("%s: %llu", rows[i].says, (unsigned long long)ns);
        }
}

/* A total that runs ahead of the buckets, as in a reading during an add, is no reason to look beyond them. */
static void test_torn_reading(void **state) {
        struct trace_hist h = {};

        add(&h, 100, 3);
        h.n += 1000;
        assert_in_range(trace_hist_quantile(&h, 990), 96, 104);
}

static void test_since(void **state) {
        struct trace_hist before = {}, now, diff;

        add(&before, 100, 1000);
        now = before;
        add(&now, 100000, 10);
        trace_hist_since(&now, &before, &diff);
        assert_int_equal(diff.n, 10);
        assert_int_equal(diff.sum, 1000000);
        assert_in_range(trace_hist_quantile(&diff, 1), 98304, 100000);

        trace_hist_since(&now, NULL, &diff);
        assert_memory_equal(&diff, &now, sizeof(now));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_buckets_are_seamless),
                cmocka_unit_test(test_quantiles),
                cmocka_unit_test(test_torn_reading),
                cmocka_unit_test(test_since),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
