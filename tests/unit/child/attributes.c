/* SPDX-License-Identifier: MIT */
/* Whose priority a pool's processes get. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "child/attributes.h"

static const struct {
        const char *says;
        int global, pool, expected;
} rows[] = {
        { "neither says anything", CONF_INT_UNSET, CONF_INT_UNSET, CONF_INT_UNSET },
        { "the master's is the pool's", 5, CONF_INT_UNSET, 5 },
        { "the pool's own comes first", 5, -3, -3 },
        { "0 is a priority too", 5, 0, 0 },
        { "the pool alone", CONF_INT_UNSET, 19, 19 },
};

static void test_priority(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct conf_global global = { .process_priority = rows[i].global };
                struct conf_pool pool = { .process_priority = rows[i].pool };

                if (attributes_priority(&global, &pool) != rows[i].expected)
                        fail_msg("%s", rows[i].says);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_priority) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
