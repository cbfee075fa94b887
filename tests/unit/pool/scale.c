/* SPDX-License-Identifier: MIT */
/* pool/scale.h as a table of sentences. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/macros.h"
#include "pool/scale.h"

#define MSEC USEC_PER_MSEC

static const struct {
        const char *sentence;
        struct scale_input in;
        struct scale_plan plan;
} rows[] = {
        { "an empty pool is filled", { .max_children = 4 }, { .spawn = 4, .wake_at = USEC_INFINITY } },
        { "a full pool is left alone", { .max_children = 4, .n_workers = 4 }, { .wake_at = USEC_INFINITY } },
        { "one that died is replaced", { .max_children = 4, .n_workers = 3 }, { .spawn = 1, .wake_at = USEC_INFINITY } },
        { "a lowered maximum kills nobody", { .max_children = 2, .n_workers = 4 }, { .wake_at = USEC_INFINITY } },
        { "old workers count towards the maximum",
          { .max_children = 8, .n_workers = 2, .n_others = 5 },
          { .spawn = 1, .wake_at = USEC_INFINITY } },
        { "a generation beside a busy old one gets a quarter",
          { .max_children = 8, .n_others = 8 },
          { .spawn = 2, .wake_at = USEC_INFINITY } },
        { "and never more than that quarter while the old one is full",
          { .max_children = 8, .n_workers = 2, .n_others = 8 },
          { .wake_at = USEC_INFINITY } },
        { "a quarter of one is one", { .max_children = 1, .n_others = 1 }, { .spawn = 1, .wake_at = USEC_INFINITY } },
        { "an old generation larger than the new maximum leaves the quarter",
          { .max_children = 4, .n_others = 100 },
          { .spawn = 1, .wake_at = USEC_INFINITY } },
        { "a few young deaths delay nothing",
          { .max_children = 4, .n_young_dead = SCALE_YOUNG_FREE, .last_death = 1000, .now = 1000 },
          { .spawn = 4, .wake_at = USEC_INFINITY } },
        { "one more and the replacement waits",
          { .max_children = 4, .n_young_dead = SCALE_YOUNG_FREE + 1, .last_death = 1000, .now = 1000 },
          { .wake_at = 1000 + SCALE_DELAY_FIRST } },
        { "until the delay is over, and then one is tried",
          { .max_children = 4, .n_young_dead = SCALE_YOUNG_FREE + 1, .last_death = 1000, .now = 1000 + SCALE_DELAY_FIRST },
          { .spawn = 1, .is_try = true, .wake_at = USEC_INFINITY } },
        { "whether the one tried lives is waited for",
          { .max_children = 4, .n_workers = 1, .n_young_dead = 20, .last_death = 1000, .last_try = 5000, .now = 6000 },
          { .wake_at = 5000 + SCALE_YOUNG } },
        { "when it has grown up the pool is filled",
          { .max_children = 4, .n_workers = 1, .n_young_dead = 20, .last_death = 1000, .last_try = 5000, .now = 5000 + SCALE_YOUNG },
          { .spawn = 3, .is_over = true, .wake_at = USEC_INFINITY } },
        { "when it has died the next one waits longer",
          { .max_children = 4, .n_young_dead = SCALE_YOUNG_FREE + 2, .last_death = 6000, .last_try = 5000, .now = 6000 },
          { .wake_at = 6000 + 2 * SCALE_DELAY_FIRST } },
        { "the delay doubles with each further death",
          { .max_children = 4, .n_young_dead = SCALE_YOUNG_FREE + 3, .last_death = 0, .now = 0 },
          { .wake_at = 4 * SCALE_DELAY_FIRST } },
        { "up to the longest",
          { .max_children = 4, .n_young_dead = 4000000, .last_death = 0, .now = 0 },
          { .wake_at = SCALE_DELAY_LONGEST } },
};

static void test_plan(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct scale_plan plan;

                scale_plan(&rows[i].in, &plan);
                if (plan.spawn != rows[i].plan.spawn || plan.wake_at != rows[i].plan.wake_at ||
                    plan.is_try != rows[i].plan.is_try || plan.is_over != rows[i].plan.is_over)
                        fail_msg("%s: spawn %u, wake at %llu", rows[i].sentence, plan.spawn, (unsigned long long)plan.wake_at);
        }
}

static void test_plan_is_bounded(void **state) {
        for (unsigned max = 1; max <= 64; max++)
                for (unsigned workers = 0; workers <= 70; workers++)
                        for (unsigned others = 0; others <= 70; others++) {
                                struct scale_plan plan;

                                scale_plan(&(struct scale_input){ .max_children = max, .n_workers = workers, .n_others = others },
                                           &plan);
                                assert_true(plan.spawn == 0 || workers + plan.spawn <= max);
                                assert_true(workers + plan.spawn >= scale_first(max));
                        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plan),
                cmocka_unit_test(test_plan_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
