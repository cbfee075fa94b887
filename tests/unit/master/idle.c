/* SPDX-License-Identifier: MIT */
/* When a service that nobody needs ends: looks, one after the other. */

#include "master/idle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define S USEC_PER_SEC

struct look {
        usec_t at;
        struct idle_counts counts;
        bool over;
};

static void check(usec_t limit, const struct look *looks, size_t n) {
        struct master_idle idle = { .limit = limit };

        for (size_t i = 0; i < n; i++)
                if (idle_is_over(&idle, &looks[i].counts, 100 * S + looks[i].at) != looks[i].over)
                        fail_msg("look %zu: %s", i, looks[i].over ? "it goes on" : "it ends");
}
#define CHECK(limit, ...)                                                                                              \
        check(limit, (const struct look[]){ __VA_ARGS__ }, ELEMENTSOF(((const struct look[]){ __VA_ARGS__ })))

static void test_it_ends_when_nothing_came_from_the_start_on(void **state) {
        CHECK(S / 2, { 0, { 0 }, false }, { S / 4, { 0 }, false }, { S / 2, { 0 }, true });
}

static void test_a_worker_may_keep_a_connection_for_a_second_more(void **state) {
        CHECK(2 * S, { 0, { 0 }, false }, { 2 * S, { 0 }, false }, { 3 * S, { 0 }, true });
}

static void test_a_request_between_two_looks_counts(void **state) {
        CHECK(S / 2, { 0, { .done = 7 }, false }, { S / 4, { .done = 8 }, false }, { S / 2, { .done = 8 }, false },
              { 3 * S / 4, { .done = 8 }, true });
}

static void test_what_is_held_counts_up_to_its_end(void **state) {
        CHECK(S / 2, { 0, { .held = 1 }, false }, { 50 * S, { .held = 1 }, false }, { 50 * S + S / 4, { 0 }, false },
              { 50 * S + S / 2, { 0 }, true });
}

static void test_a_reload_is_no_idleness(void **state) {
        CHECK(S / 2, { 0, { .busy = true }, false }, { 9 * S, { .busy = true }, false },
              { 9 * S + S / 2, { 0 }, true });
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_it_ends_when_nothing_came_from_the_start_on),
                cmocka_unit_test(test_a_worker_may_keep_a_connection_for_a_second_more),
                cmocka_unit_test(test_a_request_between_two_looks_counts),
                cmocka_unit_test(test_what_is_held_counts_up_to_its_end),
                cmocka_unit_test(test_a_reload_is_no_idleness),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
