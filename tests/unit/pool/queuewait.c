/* SPDX-License-Identifier: MIT */
/* pool/queuewait.h: what looks at a queue, a second apart, say of the connections that left it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/queuewait.h"

#define BEGIN (1000 * USEC_PER_SEC)
#define LOOKS 8

struct look {
        uint64_t taken, waiting;
};

static const struct {
        const char *sentence;
        struct look looks[LOOKS];
        unsigned n;
        uint64_t n_last; /* connections counted by the last look */
        double mean;     /* their wait in seconds */
} rows[] = {
        { "who is taken before the first look is counted", { { 50, 0 } }, 1, 50, 0 },
        { "without a queue nobody waits", { { 0, 0 }, { 1000, 0 } }, 2, 1000, 0 },
        { "a steady queue of 5 that 100 leave in a second: a twentieth of one",
          { { 0, 5 }, { 100, 5 }, { 200, 5 } },
          3,
          100,
          0.05 },
        { "who comes between two looks has come at their middle, and leaves there",
          { { 0, 0 }, { 0, 5 }, { 0, 5 }, { 0, 5 }, { 5, 0 } },
          5,
          5,
          3 },
        { "one of five has left", { { 0, 0 }, { 0, 5 }, { 0, 5 }, { 1, 4 } }, 4, 1, 2.4 },
        { "and the others have waited longer", { { 0, 0 }, { 0, 5 }, { 0, 5 }, { 1, 4 }, { 5, 0 } }, 5, 4, 2.9 },
        { "connections that go away by themselves are not counted",
          { { 0, 0 }, { 0, 10 }, { 0, 0 }, { 50, 0 } },
          4,
          50,
          0 },
        { "what falls begins anew", { { 90, 0 }, { 10, 0 }, { 20, 0 } }, 3, 10, 0 },
        { "a lie begins anew", { { 0, 0 }, { UINT64_MAX, 0 }, { 20, 0 } }, 3, 0, 0 },
};

static void sum_up(const struct queuewait_share *shares, uint32_t n, uint64_t *ret_n, double *ret_sum) {
        assert_true(n <= QUEUEWAIT_SHARES);
        *ret_n = 0;
        *ret_sum = 0;
        for (uint32_t i = 0; i < n; i++) {
                assert_true(shares[i].n > 0);
                *ret_n += shares[i].n;
                *ret_sum += (double)shares[i].wait * (double)shares[i].n / USEC_PER_SEC;
        }
}

static void test_rows(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct queuewait_share shares[QUEUEWAIT_SHARES];
                struct queuewait w;
                uint64_t n = 0;
                double sum = 0;

                queuewait_begin(&w, BEGIN - USEC_PER_SEC);
                for (unsigned k = 0; k < rows[i].n; k++)
                        sum_up(shares,
                               queuewait_look(&w, BEGIN + k * USEC_PER_SEC, rows[i].looks[k].taken,
                                              rows[i].looks[k].waiting, shares),
                               &n, &sum);
                if (n != rows[i].n_last ||
                    (n > 0 && (sum / (double)n < rows[i].mean - 0.002 || sum / (double)n > rows[i].mean + 0.002)))
                        fail_msg("%s: %llu, %f s", rows[i].sentence, (unsigned long long)n, n ? sum / (double)n : 0);
        }
}

/* More looks than are remembered: the wait is right all the same, as long as nobody left meanwhile. */
static void test_long_stall(void **state) {
        struct queuewait_share shares[QUEUEWAIT_SHARES];
        struct queuewait w;
        uint64_t n;
        double sum;

        queuewait_begin(&w, BEGIN - 1);
        for (unsigned k = 0; k < 200; k++)
                assert_int_equal(queuewait_look(&w, BEGIN + k * USEC_PER_SEC, 0, k > 0 ? 3 : 0, shares), 0);
        sum_up(shares, queuewait_look(&w, BEGIN + 200 * USEC_PER_SEC, 3, 0, shares), &n, &sum);
        assert_int_equal(n, 3);
        assert_true(sum > 3 * 190 && sum < 3 * 200);
}

/* Any numbers: no share without a connection, none waits longer than there were looks, and every one taken is counted.
 */
static void test_any_numbers(void **state) {
        struct queuewait_share shares[QUEUEWAIT_SHARES];
        struct queuewait w;
        uint64_t x = 88172645463325252ULL, taken = 0;
        usec_t now = BEGIN;

        queuewait_begin(&w, BEGIN - 1);
        for (unsigned k = 0; k < 100000; k++) {
                uint64_t more, n;
                double sum;
                uint32_t n_shares;

                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                more = x % 7 == 0 ? 0 : x % 2000;
                taken += more;
                now += 1 + x % 3000000;
                n_shares = queuewait_look(&w, now, taken, (x >> 20) % 5 == 0 ? (x >> 30) % 600 : 0, shares);
                sum_up(shares, n_shares, &n, &sum);
                assert_int_equal(n, more);
                assert_true(w.n_points >= 1 && w.n_points <= QUEUEWAIT_POINTS);
                for (uint32_t i = 0; i < n_shares; i++)
                        assert_true(shares[i].wait <= now - BEGIN + 1);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_long_stall),
                cmocka_unit_test(test_any_numbers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
