/* SPDX-License-Identifier: MIT */
/* pool/budget.h as tables of sentences. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/budget.h"

#define NOBODY 99
#define POOLS  4

static const struct {
        const char *sentence;
        struct budget_pool pools[POOLS];
        size_t who;
} choices[] = {
        { "the pool that has the most idle ones gives one up", { { 2, 1 }, { 5, 3 }, { 9, 2 } }, .who = 1 },
        { "of two the one that has more workers", { { 2, 2 }, { 5, 2 }, { 4, 2 } }, .who = 1 },
        { "of two that have as many the first", { { 3, 1 }, { 3, 1 } }, .who = 0 },
        { "nobody where nobody is idle", { { 5, 0 }, { 2, 0 } }, .who = NOBODY },
        { "nobody where there is no worker", { {} }, .who = NOBODY },
        { "the last worker goes where the pool may have none", { { 1, 1 } }, .who = 0 },
        { "and stays where it may not", { { 1, 1, .keeps_one = true } }, .who = NOBODY },
        { "that one counts for nothing", { { 3, 3, .keeps_one = true }, { 4, 3 } }, .who = 1 },
        { "who claims needs its idle ones", { { 5, 4, .claims = true }, { 2, 1 } }, .who = 1 },
};

static void choices_hold(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(choices); i++) {
                size_t who;

                if (!budget_choose(choices[i].pools, POOLS, &who))
                        who = NOBODY;
                if (who != choices[i].who)
                        fail_msg("does not hold: %s: it is %zu", choices[i].sentence, who);
        }
}

static void what_is_left_is_the_first_claims(_unused_ void **state) {
        struct budget b = { .limit = 10 };
        struct budget_claim first = {}, second = {}, none = {};

        assert_int_equal(budget_left(&b, &none, 4), 6);
        assert_int_equal(budget_left(&b, &none, 10), 0);
        assert_int_equal(budget_left(&b, &none, 12), 0); /* a reload may exceed it */
        budget_claim(&b, &first, 2);
        budget_claim(&b, &second, 1);
        assert_int_equal(budget_left(&b, &first, 9), 1);
        assert_int_equal(budget_left(&b, &second, 9), 0);
        assert_int_equal(budget_left(&b, &none, 9), 0);
        assert_int_equal(budget_left(&b, &second, 7), 1);
        assert_int_equal(budget_left(&b, &none, 6), 1);
        budget_claim(&b, &first, 1); /* keeps its place */
        assert_int_equal(budget_left(&b, &first, 9), 1);
        assert_int_equal(budget_left(&b, &second, 9), 0);
        budget_claim(&b, &first, 0);
        assert_int_equal(budget_left(&b, &second, 9), 1);
        budget_claim(&b, &first, 1); /* behind */
        assert_int_equal(budget_left(&b, &first, 9), 0);
        budget_claim(&b, &second, 0);
        budget_claim(&b, &first, 0);
        assert_null(b.first);
        assert_null(b.last);
}

static void as_many_go_as_are_claimed(_unused_ void **state) {
        struct budget b = { .limit = 10 };
        struct budget_claim first = {}, second = {};

        assert_int_equal(budget_missing(&b, 10, 0), 0);
        budget_claim(&b, &first, 2);
        budget_claim(&b, &second, 1);
        assert_int_equal(budget_missing(&b, 10, 0), 3);
        assert_int_equal(budget_missing(&b, 10, 2), 1); /* two are on their way out */
        assert_int_equal(budget_missing(&b, 10, 5), 0);
        assert_int_equal(budget_missing(&b, 9, 0), 2);
        assert_int_equal(budget_missing(&b, 2, 3), 0);
        assert_int_equal(budget_missing(&b, 12, 0), 5); /* and those that are too many */
        budget_claim(&b, &first, 0);
        budget_claim(&b, &second, 0);
        assert_int_equal(budget_missing(&b, 12, 0), 2);
        assert_int_equal(budget_missing(&b, 12, 2), 0);
        b.limit = 0;
        assert_int_equal(budget_missing(&b, 12, 0), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(choices_hold),
                cmocka_unit_test(what_is_left_is_the_first_claims),
                cmocka_unit_test(as_many_go_as_are_claimed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
