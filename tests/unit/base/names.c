/* SPDX-License-Identifier: MIT */
/* Thousands of names, each with its number. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/names.h"

#define MANY 5000

static void test_a_name_has_its_number(_unused_ void **state) {
        _cleanup_names_ struct names n = {};
        size_t i = 77;

        assert_false(names_find(&n, "a", &i));
        assert_int_equal(i, 77); /* untouched */
        assert_int_equal(names_put(&n, "a", 1), 0);
        assert_int_equal(names_put(&n, "A", 2), 0);
        assert_int_equal(names_put(&n, "", 3), 0);
        assert_true(names_find(&n, "a", &i));
        assert_int_equal(i, 1);
        assert_true(names_find(&n, "A", &i));
        assert_int_equal(i, 2);
        assert_true(names_find(&n, "", &i));
        assert_int_equal(i, 3);
        assert_false(names_find(&n, "aa", &i));
}

static void test_another_number(_unused_ void **state) {
        _cleanup_names_ struct names n = {};
        char second[] = "a";
        size_t i;

        assert_int_equal(names_put(&n, "a", 1), 0);
        assert_int_equal(names_put(&n, second, 2), 0);
        second[0] = 'b'; /* was not kept */
        assert_true(names_find(&n, "a", &i));
        assert_int_equal(i, 2);
        assert_false(names_find(&n, "b", &i));
}

static void test_capital_letters(_unused_ void **state) {
        _cleanup_names_ struct names n = { .any_case = true };
        size_t i;

        assert_int_equal(names_put(&n, "Shop", 4), 0);
        assert_true(names_find(&n, "sHOP", &i));
        assert_int_equal(i, 4);
        names_remove(&n, "SHOP");
        assert_false(names_find(&n, "Shop", &i));
}

static void test_many_come_and_go(_unused_ void **state) {
        static char texts[MANY][16];
        _cleanup_names_ struct names n = {};
        size_t k;

        for (size_t i = 0; i < MANY; i++) {
                snprintf(texts[i], sizeof(texts[i]), "site%zu", i);
                assert_int_equal(names_put(&n, texts[i], i), 0);
        }
        for (size_t i = 0; i < MANY; i += 3)
                names_remove(&n, texts[i]);
        names_remove(&n, "site0"); /* has gone */
        for (size_t i = 0; i < MANY; i++) {
                assert_int_equal(names_find(&n, texts[i], &k), i % 3 != 0);
                assert_true(i % 3 == 0 || k == i);
        }
        names_done(&n);
        assert_false(names_find(&n, texts[1], &k));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_name_has_its_number),
                cmocka_unit_test(test_another_number),
                cmocka_unit_test(test_capital_letters),
                cmocka_unit_test(test_many_come_and_go),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
