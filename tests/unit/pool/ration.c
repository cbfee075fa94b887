/* SPDX-License-Identifier: MIT */
/* pool/ration.h: never more than the limit, and in the order of asking. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/ration.h"

static void test_the_limit_holds(void **state) {
        struct ration r = { .limit = 2 };
        struct ration_turn t[3] = {};

        assert_true(ration_ask(&r, &t[0]));
        assert_true(ration_ask(&r, &t[1]));
        assert_false(ration_ask(&r, &t[2]));
        assert_null(ration_next(&r));
        assert_int_equal(r.n, 2);
}

static void test_who_has_it_has_it(void **state) {
        struct ration r = { .limit = 1 };
        struct ration_turn t[2] = {};

        assert_true(ration_ask(&r, &t[0]));
        assert_true(ration_ask(&r, &t[0]));
        assert_false(ration_ask(&r, &t[1]));
        assert_false(ration_ask(&r, &t[1])); /* one place in the line, not two */
        ration_give_back(&r, &t[0]);
        assert_ptr_equal(ration_next(&r), &t[1]);
        assert_null(ration_next(&r));
        assert_true(ration_ask(&r, &t[1]));
        ration_give_back(&r, &t[1]);
        assert_int_equal(r.n, 0);
}

static void test_in_the_order_of_asking(void **state) {
        struct ration r = { .limit = 1 };
        struct ration_turn t[4] = {};

        for (size_t i = 0; i < ELEMENTSOF(t); i++)
                ration_ask(&r, &t[i]);
        for (size_t i = 1; i < ELEMENTSOF(t); i++) {
                ration_give_back(&r, &t[i - 1]);
                assert_ptr_equal(ration_next(&r), &t[i]);
        }
}

/* A turn that is free for a moment belongs to who waits for it. */
static void test_nobody_overtakes(void **state) {
        struct ration r = { .limit = 1 };
        struct ration_turn t[3] = {};

        assert_true(ration_ask(&r, &t[0]));
        assert_false(ration_ask(&r, &t[1]));
        ration_give_back(&r, &t[0]);
        assert_false(ration_ask(&r, &t[2]));
        assert_ptr_equal(ration_next(&r), &t[1]);
}

static void test_who_waits_may_leave(void **state) {
        struct ration r = { .limit = 1 };
        struct ration_turn t[4] = {};

        for (size_t i = 0; i < ELEMENTSOF(t); i++)
                ration_ask(&r, &t[i]);
        ration_give_back(&r, &t[2]);
        ration_give_back(&r, &t[3]);
        ration_give_back(&r, &t[3]); /* once is enough */
        ration_give_back(&r, &t[0]);
        assert_ptr_equal(ration_next(&r), &t[1]);
        ration_give_back(&r, &t[1]);
        assert_null(ration_next(&r));
        assert_null(r.first);
        assert_null(r.last);
        assert_true(ration_ask(&r, &t[2]));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_limit_holds),        cmocka_unit_test(test_who_has_it_has_it),
                cmocka_unit_test(test_in_the_order_of_asking), cmocka_unit_test(test_nobody_overtakes),
                cmocka_unit_test(test_who_waits_may_leave),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
