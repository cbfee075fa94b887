/* SPDX-License-Identifier: MIT */
/* pool/scale.h where there is a pool.budget, as a table of sentences. */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/scale.h"

#define MSEC USEC_PER_MSEC
#define SEC  USEC_PER_SEC
#define NOW  (100 * SEC)

/* A pool with room for 16 workers. */
#define STATIC   .pm = CONF_PM_STATIC, .max_children = 16, .now = NOW
#define ONDEMAND .pm = CONF_PM_ONDEMAND, .max_children = 16, .max_spawn_rate = 32, .now = NOW
#define WAITING  .surge = 8, .round_at = NOW + SEC, .waiting_since = NOW - SEC
#define JUST     .surge = 8, .round_at = NOW + SEC, .waiting_since = NOW

#define TOLD .told = true, .at_budget = true

// clang-format off
static const struct {
        const char *sentence;
        struct scale_input in;
        unsigned spawn, claims;
        bool told, at_budget;
        bool no_budget;
} rows[] = {
        { "a pool gets what others have not taken", { STATIC, .n_workers = 2, .n_budget = 3 }, .spawn = 3, TOLD },
        { "and all of it where that is enough", { STATIC, .n_workers = 2, .n_budget = 14 }, .spawn = 14 },
        { "what it only would like to have it does not claim", { STATIC, .n_workers = 2 }, TOLD },
        { "that is told once", { STATIC, .n_workers = 2, .state.at_budget = true }, .at_budget = true },
        { "one that has none gets one in any case", { STATIC }, .spawn = 1, TOLD },
        { "not when old ones of it live", { STATIC, .n_others = 2 }, TOLD },
        { "no budget keeps a new generation from replacing an old one",
          { STATIC, .starting = true, .n_first = 4, .n_others = 16 }, .spawn = 4 },
        { "process.max holds beside it", { STATIC, .n_workers = 2, .n_budget = 9, .n_left = 1 }, .spawn = 1, TOLD },
        { "clients that wait claim as many workers",
          { ONDEMAND, .n_workers = 2, .waiting = 3, .state = { WAITING } }, .claims = 3, TOLD },
        { "fewer what is left", { ONDEMAND, .n_workers = 2, .waiting = 3, .n_budget = 1, .state = { WAITING } },
          .spawn = 1, .claims = 2, TOLD },
        { "beside the first one", { ONDEMAND, .waiting = 3, .state = { WAITING } }, .spawn = 1, .claims = 2, TOLD },
        { "and go on claiming between two decisions",
          { ONDEMAND, .n_workers = 2, .waiting = 3, .state = { JUST, .at_budget = true, .claims = 3 } },
          .claims = 3, .at_budget = true },
        { "until there is room",
          { ONDEMAND, .n_workers = 2, .waiting = 3, .n_budget = 3,
            .state = { WAITING, .at_budget = true, .claims = 3 } },
          .spawn = 3 },
        { "or nobody waits",
          { ONDEMAND, .n_workers = 2, .state = { JUST, .at_budget = true, .claims = 3 } },
          .at_budget = true },
        { "or the pool has all that it may",
          { ONDEMAND, .n_workers = 16, .waiting = 3, .state = { JUST, .at_budget = true, .claims = 3 } },
          .at_budget = true },
        { "or its workers die at once, and it has to wait",
          { ONDEMAND, .n_workers = 2, .waiting = 3, .n_young_dead = 20, .last_death = NOW - SEC,
            .state = { WAITING, .at_budget = true, .claims = 3 } },
          .at_budget = true },
        { "without a budget nobody claims",
          { ONDEMAND, .n_workers = 2, .waiting = 3, .state = { WAITING } }, .spawn = 3, .no_budget = true },
};
// clang-format on

static void sentences_hold(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct scale_input in = rows[i].in;
                struct scale_plan plan;

                in.has_budget = !rows[i].no_budget;
                in.n_left = in.n_left ?: UINT_MAX;
                in.state.n_there = in.n_workers;
                scale_plan(&in, &plan);
                if (plan.spawn != rows[i].spawn || plan.state.claims != rows[i].claims ||
                    plan.reached_budget != rows[i].told || plan.state.at_budget != rows[i].at_budget)
                        fail_msg("does not hold: %s: spawn %u, claims %u, told %d, at the budget %d", rows[i].sentence,
                                 plan.spawn, plan.state.claims, plan.reached_budget, plan.state.at_budget);
                if (plan.state.claims > 0)
                        assert_true(plan.wake_at <= NOW + SCALE_RETRY);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(sentences_hold) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
