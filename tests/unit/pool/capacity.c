/* SPDX-License-Identifier: MIT */
/* pool/capacity.h as a table of sentences. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/capacity.h"
#include "scoreboard/layout.h"

#define MIB (UINT64_C(1) << 20)
#define TWO .n_cpus = 2, .n_pools = 1

static const struct {
        const char *sentence;
        struct capacity_input in;
        unsigned limit;
        bool changed;
} rows[] = {
        { "memory by what a worker takes and a fifth more", { TWO, .room = 600 * MIB, .need = 50 * MIB }, 10, true },
        { "what workers hold is theirs", { TWO, .room = 300 * MIB, .held = 300 * MIB, .need = 50 * MIB }, 10, true },
        { "before any is measured, a worker is taken for 64 MiB", { TWO, .room = 768 * MIB }, 10, true },
        { "several such pools have equal parts",
          { .n_cpus = 2, .n_pools = 3, .room = 1800 * MIB, .need = 50 * MIB },
          10,
          true },
        { "as many as CPUs and a fifth can always be", { TWO, .room = 0, .need = 50 * MIB }, 3, true },
        { "a fifth of one CPU is one worker", { .n_cpus = 1, .n_pools = 1, .room = 0, .need = 50 * MIB }, 2, true },
        { "more than 64 a CPU never", { TWO, .room = 9000 * MIB, .need = 5 * MIB }, 128, true },
        { "nor more than a scoreboard has room for",
          { .n_cpus = 400, .n_pools = 1, .room = UINT64_MAX, .held = 5, .need = 1 },
          SCOREBOARD_WORKERS_MAX,
          true },
        { "no CPU is one", { .n_pools = 1, .room = UINT64_MAX, .need = MIB }, 64, true },
        { "a little more changes nothing", { TWO, .limit = 10, .room = 660 * MIB, .need = 50 * MIB }, 10, false },
        { "a little less neither", { TWO, .limit = 10, .room = 540 * MIB, .need = 50 * MIB }, 10, false },
        { "a fifth more does", { TWO, .limit = 10, .room = 720 * MIB, .need = 50 * MIB }, 12, true },
        { "a fifth less does", { TWO, .limit = 10, .room = 480 * MIB, .need = 50 * MIB }, 8, true },
        { "a bound is reached by the last step",
          { TWO, .limit = 126, .room = 9000 * MIB, .need = 5 * MIB },
          128,
          true },
        { "and kept without another word", { TWO, .limit = 128, .room = 9000 * MIB, .need = 5 * MIB }, 128, false },
        { "of seven one is less than a fifth", { TWO, .limit = 7, .room = 360 * MIB, .need = 50 * MIB }, 7, false },
        { "few workers change one by one", { TWO, .limit = 4, .room = 300 * MIB, .need = 50 * MIB }, 5, true },
        { "the same is no change", { TWO, .limit = 4, .room = 240 * MIB, .need = 50 * MIB }, 4, false },
        { "a lie about what is needed costs the liar its workers",
          { TWO, .limit = 10, .room = 600 * MIB, .need = UINT64_MAX },
          3,
          true },
};

static void test_rows(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct capacity c;

                capacity_plan(&rows[i].in, &c);
                if (c.limit != rows[i].limit || c.changed != rows[i].changed)
                        fail_msg("%s: %u, %s", rows[i].sentence, c.limit, c.changed ? "changed" : "as before");
        }
}

static void test_bounds_are_in_order(_unused_ void **state) {
        for (unsigned n = 0; n < 20000; n++)
                if (capacity_floor(n) > capacity_ceiling(n) || capacity_ceiling(n) > SCOREBOARD_WORKERS_MAX ||
                    capacity_floor(n) == 0)
                        fail_msg("%u CPUs: %u to %u", n, capacity_floor(n), capacity_ceiling(n));
        assert_int_equal(capacity_floor(10), 12);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_bounds_are_in_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
