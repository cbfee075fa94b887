/* SPDX-License-Identifier: MIT */
/* pool/scale.h as a table of sentences. */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/scale.h"

#define MSEC USEC_PER_MSEC

#define SEC USEC_PER_SEC
#define NOW (100 * SEC)

/* Each sentence is about a pool with room for 16 workers, of which one decision after another is made: dynamic keeps 2
 * to 4 spare. What is 0 is left out. */
#define ROOM     .max_children = 16, .max_spawn_rate = 8, .n_left = UINT_MAX, .now = NOW
#define DYNAMIC  .pm = CONF_PM_DYNAMIC, .min_spare = 2, .max_spare = 4, ROOM
#define BUSY     .pm = CONF_PM_DYNAMIC, .min_spare = 9, .max_spare = 9, ROOM
#define ONDEMAND .pm = CONF_PM_ONDEMAND, .idle_timeout = 10 * SEC, ROOM
#define ROUND    .rate = 1, .surge = 1, .round_at = NOW
#define BETWEEN  .rate = 1, .surge = 1, .round_at = NOW + SEC / 2
#define NEVER    .wake_at = USEC_INFINITY
#define NEXT     (NOW + SEC)
#define LOOK     (NOW + SCALE_LOOK)
#define NEW      1 /* .n_there: one worker accepts that did not at the last look */

static const struct {
        const char *sentence;
        struct scale_input in;
        struct scale_plan plan;
} rows[] = {
        /* static */
        { "an empty pool is filled", { .max_children = 4 }, { .spawn = 4, NEVER } },
        { "a full pool is left alone", { .max_children = 4, .n_workers = 4 }, { NEVER } },
        { "one that died is replaced", { .max_children = 4, .n_workers = 3 }, { .spawn = 1, NEVER } },
        { "a lower maximum ends nobody who is busy",
          { .max_children = 2, .n_workers = 4 },
          { .wake_at = SCALE_ROUND } },
        { "old workers count towards the maximum",
          { .max_children = 8, .n_workers = 2, .n_others = 5 },
          { .spawn = 1, NEVER } },
        { "a generation beside a busy old one gets a quarter",
          { .max_children = 8, .n_others = 8 },
          { .spawn = 2, NEVER } },
        { "and never more than that quarter while the old one is full",
          { .max_children = 8, .n_workers = 2, .n_others = 8 },
          { NEVER } },
        { "a quarter of one is one", { .max_children = 1, .n_others = 1 }, { .spawn = 1, NEVER } },
        { "an old generation larger than the new maximum leaves the quarter",
          { .max_children = 4, .n_others = 100 },
          { .spawn = 1, NEVER } },
        { "a few young deaths delay nothing",
          { .max_children = 4, .n_young_dead = SCALE_YOUNG_FREE, .last_death = 1000, .now = 1000 },
          { .spawn = 4, NEVER } },
        { "one more and the replacement waits",
          { .max_children = 4, .n_young_dead = SCALE_YOUNG_FREE + 1, .last_death = 1000, .now = 1000 },
          { .wake_at = 1000 + SCALE_DELAY_FIRST } },
        { "until the delay is over, and then one is tried",
          { .max_children = 4,
            .n_young_dead = SCALE_YOUNG_FREE + 1,
            .last_death = 1000,
            .now = 1000 + SCALE_DELAY_FIRST },
          { .spawn = 1, .is_try = true, NEVER } },
        { "whether the one tried lives is waited for",
          { .max_children = 4, .n_workers = 1, .n_young_dead = 20, .last_death = 1000, .last_try = 5000, .now = 6000 },
          { .wake_at = 5000 + SCALE_YOUNG } },
        { "when it has grown up the pool is filled",
          { .max_children = 4,
            .n_workers = 1,
            .n_young_dead = 20,
            .last_death = 1000,
            .last_try = 5000,
            .now = 5000 + SCALE_YOUNG },
          { .spawn = 3, .is_over = true, NEVER } },
        { "when it has died the next one waits longer",
          { .max_children = 4,
            .n_young_dead = SCALE_YOUNG_FREE + 2,
            .last_death = 6000,
            .last_try = 5000,
            .now = 6000 },
          { .wake_at = 6000 + 2 * SCALE_DELAY_FIRST } },
        { "the delay doubles with each further death",
          { .max_children = 4, .n_young_dead = SCALE_YOUNG_FREE + 3, .last_death = 0, .now = 0 },
          { .wake_at = 4 * SCALE_DELAY_FIRST } },
        { "up to the longest",
          { .max_children = 4, .n_young_dead = 4000000, .last_death = 0, .now = 0 },
          { .wake_at = SCALE_DELAY_LONGEST } },
        { "process.max leaves what others have not taken",
          { .max_children = 4, .n_left = 3 },
          { .spawn = 3, .reached_process_max = true, .wake_at = SCALE_RETRY, .state.at_process_max = true } },
        { "that is told once, and looked at again",
          { .max_children = 4, .n_workers = 3, .state.at_process_max = true, .n_left = 0 },
          { .wake_at = SCALE_RETRY, .state.at_process_max = true } },
        { "it does not keep a new generation from replacing an old one",
          { .max_children = 4, .starting = true, .n_first = 1, .n_others = 4, .n_left = 0 },
          { .spawn = 1, NEVER } },
        { "a starting generation gets its first workers and no more",
          { .max_children = 8, .starting = true, .n_first = 2, .n_left = UINT_MAX },
          { .spawn = 2, NEVER } },

        { "a lower maximum ends idle ones above it",
          { .max_children = 4, .n_workers = 7, .n_idle = 5 },
          { .end = 3, NEVER } },
        { "busy ones are waited for",
          { .max_children = 4, .n_workers = 7, .n_idle = 1 },
          { .end = 1, .wake_at = SCALE_ROUND } },
        { "those that leave are not counted again",
          { .max_children = 4, .n_workers = 7, .n_leaving = 3, .n_idle = 2 },
          { NEVER } },
        { "nor is anybody for another generation's workers",
          { .max_children = 4, .n_workers = 4, .n_others = 4, .n_idle = 4 },
          { NEVER } },

        /* dynamic */
        { "dynamic begins with its start_servers, and a round is a second later",
          { DYNAMIC, .state = { .target = 3, .rate = 1, .surge = 1 } },
          { .spawn = 3, .wake_at = NEXT, .state = { .target = 3, .rate = 1, .surge = 1, .round_at = NEXT } } },
        { "between two rounds nothing changes",
          { DYNAMIC, .n_workers = 3, .state = { .target = 3, BETWEEN } },
          { .wake_at = NOW + SEC / 2, .state = { .target = 3, BETWEEN } } },
        { "but one that died is replaced",
          { DYNAMIC, .n_workers = 2, .n_idle = 2, .state = { .target = 3, BETWEEN } },
          { .spawn = 1, .wake_at = NOW + SEC / 2, .state = { .target = 3, BETWEEN } } },
        { "a round with too few idle ones adds one",
          { DYNAMIC, .n_workers = 3, .n_idle = 0, .state = { .target = 3, ROUND } },
          { .spawn = 1, .wake_at = NEXT, .state = { .target = 4, .rate = 2, .surge = 1, .round_at = NEXT } } },
        { "the next one twice as many",
          { DYNAMIC, .n_workers = 4, .n_idle = 0, .state = { .target = 4, .rate = 2, .surge = 1, .round_at = NOW } },
          { .spawn = 2, .wake_at = NEXT, .state = { .target = 6, .rate = 4, .surge = 1, .round_at = NEXT } } },
        { "but no more than are missing",
          { DYNAMIC, .n_workers = 4, .n_idle = 1, .state = { .target = 4, .rate = 4, .surge = 1, .round_at = NOW } },
          { .spawn = 1, .wake_at = NEXT, .state = { .target = 5, .rate = 8, .surge = 1, .round_at = NEXT } } },
        { "the rate ends at pm.max_spawn_rate, and from 8 on it is worth a message",
          { BUSY, .n_workers = 4, .state = { .target = 4, .rate = 8, .surge = 1, .round_at = NOW } },
          { .spawn = 8,
            .busy = true,
            .wake_at = NEXT,
            .state = { .target = 12, .rate = 8, .surge = 1, .round_at = NEXT } } },
        { "workers on their way count as idle",
          { DYNAMIC, .n_workers = 3, .n_pending = 2, .state = { .target = 3, .rate = 4, .surge = 1, .round_at = NOW } },
          { .wake_at = NEXT, .state = { .target = 3, .rate = 1, .surge = 1, .round_at = NEXT } } },
        { "at the maximum need is told",
          { DYNAMIC, .n_workers = 16, .n_idle = 1, .state = { .target = 16, .rate = 4, .surge = 1, .round_at = NOW } },
          { .reached_max = true,
            .wake_at = NEXT,
            .state = { .target = 16, .rate = 1, .surge = 1, .round_at = NEXT, .at_max = true } } },
        { "once",
          { DYNAMIC, .n_workers = 16, .n_idle = 1, .state = { .target = 16, ROUND, .at_max = true } },
          { .wake_at = NEXT, .state = { .target = 16, .rate = 1, .surge = 1, .round_at = NEXT, .at_max = true } } },
        { "old workers are part of the maximum",
          { DYNAMIC, .n_workers = 10, .n_others = 6, .state = { .target = 10, ROUND } },
          { .reached_max = true,
            .wake_at = NEXT,
            .state = { .target = 10, .rate = 1, .surge = 1, .round_at = NEXT, .at_max = true } } },
        { "a round with too many idle ones ends one",
          { DYNAMIC, .n_workers = 9, .n_idle = 7, .state = { .target = 9, ROUND } },
          { .end = 1, .wake_at = NEXT, .state = { .target = 8, .rate = 1, .surge = 1, .round_at = NEXT } } },
        { "one that leaves is not missed",
          { DYNAMIC, .n_workers = 9, .n_leaving = 1, .n_idle = 4, .state = { .target = 8, ROUND } },
          { .wake_at = NEXT, .state = { .target = 8, .rate = 1, .surge = 1, .round_at = NEXT } } },
        { "between the bounds idle ones stay",
          { DYNAMIC, .n_workers = 5, .n_idle = 4, .n_idle_long = 0, .state = { .target = 5, ROUND } },
          { .wake_at = NEXT, .state = { .target = 5, .rate = 1, .surge = 1, .round_at = NEXT } } },
        { "unless pm.process_idle_timeout is set and over for one",
          { DYNAMIC, .idle_timeout = 10 * SEC, .n_workers = 5, .n_idle = 3, .n_idle_long = 1,
            .state = { .target = 5, ROUND } },
          { .end = 1,
            .end_idle_for = 10 * SEC,
            .wake_at = NEXT,
            .state = { .target = 4, .rate = 1, .surge = 1, .round_at = NEXT } } },
        { "but never below pm.min_spare_servers",
          { DYNAMIC, .idle_timeout = 10 * SEC, .n_workers = 5, .n_idle = 2, .n_idle_long = 2,
            .state = { .target = 5, ROUND } },
          { .wake_at = NEXT, .state = { .target = 5, .rate = 1, .surge = 1, .round_at = NEXT } } },
        { "connections that wait beside busy workers are given a moment",
          { DYNAMIC, .n_workers = 3, .waiting = 9, .state = { .target = 3, BETWEEN } },
          { .wake_at = LOOK, .state = { .target = 3, BETWEEN, .waiting_since = NOW } } },
        { "but wait for no round",
          { DYNAMIC, .n_workers = 3, .waiting = 9,
            .state = { .target = 3, BETWEEN, .waiting_since = NOW - SCALE_LOOK } },
          { .spawn = 1,
            .wake_at = LOOK,
            .state = { .target = 4, .rate = 1, .surge = 2, .round_at = NOW + SEC / 2, .waiting_since = NOW } } },
        { "more and more while that lasts",
          { DYNAMIC, .n_workers = 4, .waiting = 9,
            .state = { .target = 4,
                       .rate = 1,
                       .surge = 4,
                       .round_at = NOW + SEC / 2,
                       .waiting_since = NOW - 10 * MSEC } },
          { .spawn = 4,
            .wake_at = LOOK,
            .state = { .target = 8, .rate = 1, .surge = 8, .round_at = NOW + SEC / 2, .waiting_since = NOW } } },
        { "but no more than wait",
          { DYNAMIC, .n_workers = 4, .waiting = 2,
            .state = { .target = 4,
                       .rate = 1,
                       .surge = 4,
                       .round_at = NOW + SEC / 2,
                       .waiting_since = NOW - 10 * MSEC } },
          { .spawn = 2,
            .wake_at = LOOK,
            .state = { .target = 6, .rate = 1, .surge = 8, .round_at = NOW + SEC / 2, .waiting_since = NOW } } },
        { "an idle worker is given time to take them",
          { DYNAMIC, .n_workers = 3, .n_idle = 1, .waiting = 9,
            .state = { .target = 3, BETWEEN, .waiting_since = NOW - 10 * MSEC, .taken_until = 9 } },
          { .wake_at = LOOK, .state = { .target = 3, BETWEEN, .waiting_since = NOW - 10 * MSEC, .taken_until = 9 } } },
        { "not for ever: it may lie",
          { DYNAMIC, .n_workers = 3, .n_idle = 1, .waiting = 9,
            .state = { .target = 3, BETWEEN, .waiting_since = NOW - SCALE_PATIENCE, .taken_until = 9 } },
          { .spawn = 1,
            .wake_at = LOOK,
            .state = { .target = 4, .rate = 1, .surge = 2, .round_at = NOW + SEC / 2, .waiting_since = NOW } } },

        { "an idle worker that has taken all that waited then has others before it now",
          { DYNAMIC, .n_workers = 3, .n_idle = 1, .waiting = 2, .taken = 109,
            .state = { .target = 3, BETWEEN, .waiting_since = NOW - SCALE_PATIENCE, .taken_until = 109 } },
          { .wake_at = LOOK, .state = { .target = 3, BETWEEN, .waiting_since = NOW, .taken_until = 111 } } },
        { "but not while one of them still waits",
          { DYNAMIC, .n_workers = 3, .n_idle = 1, .waiting = 2, .taken = 108,
            .state = { .target = 3, BETWEEN, .waiting_since = NOW - SCALE_PATIENCE, .taken_until = 109 } },
          { .spawn = 1,
            .wake_at = LOOK,
            .state = { .target = 4,
                       .rate = 1,
                       .surge = 2,
                       .round_at = NOW + SEC / 2,
                       .waiting_since = NOW,
                       .taken_until = 110 } } },

        { "memory is short: idle workers end but for pm.min_spare_servers",
          { DYNAMIC, .n_workers = 5, .n_idle = 4, .pressed = true, .state = { .target = 5, BETWEEN } },
          { .end = 2, .wake_at = NOW + SEC / 2, .state = { .target = 3, BETWEEN } } },
        { "unless a connection waits",
          { DYNAMIC, .n_workers = 5, .n_idle = 4, .waiting = 1, .taken = 9, .pressed = true,
            .state = { .target = 5, BETWEEN, .n_there = 5 } },
          { .wake_at = LOOK, .state = { .target = 5, BETWEEN, .waiting_since = NOW, .taken_until = 10 } } },

        /* ondemand */
        { "memory is short: idle workers end at once",
          { ONDEMAND, .n_workers = 3, .n_idle = 2, .pressed = true, .state = { BETWEEN } },
          { .end = 2, .wake_at = NOW + SEC / 2, .state = { BETWEEN } } },
        { "ondemand has no workers without connections",
          { ONDEMAND, .state = { .surge = 1 } },
          { NEVER, .state = { .surge = 1 } } },
        { "the first connection gets one",
          { ONDEMAND, .waiting = 9, .state = { .surge = 1 } },
          { .spawn = 1, .wake_at = LOOK, .state = { .surge = 2, .waiting_since = NOW } } },
        { "it is waited for",
          { ONDEMAND, .n_workers = 1, .n_pending = 1, .waiting = 9,
            .state = { .surge = 2, .waiting_since = NOW - 50 * MSEC, .round_at = NEXT } },
          { .wake_at = LOOK, .state = { .surge = 2, .waiting_since = NOW - 50 * MSEC, .round_at = NEXT } } },
        { "once it has taken one of two the other one gets one, and no more",
          { ONDEMAND, .n_workers = 1, .waiting = 1,
            .state = { .surge = 2, .waiting_since = NOW - 50 * MSEC, .round_at = NEXT } },
          { .spawn = 1, .wake_at = LOOK, .state = { .surge = 4, .waiting_since = NOW, .round_at = NEXT } } },
        { "one that has just begun to accept is given time, however long its start took",
          { ONDEMAND, .n_workers = 1, .n_idle = 1, .waiting = 1,
            .state = { .surge = 2, .waiting_since = NOW - SEC / 2, .round_at = NEXT, .n_there = NEW } },
          { .wake_at = LOOK, .state = { .surge = 2, .waiting_since = NOW, .round_at = NEXT } } },
        { "nobody knows how many wait",
          { ONDEMAND, .n_workers = 1, .waiting = UINT_MAX,
            .state = { .surge = 4, .waiting_since = NOW - 50 * MSEC, .round_at = NEXT } },
          { .spawn = 4, .wake_at = LOOK, .state = { .surge = 8, .waiting_since = NOW, .round_at = NEXT } } },
        { "once it has taken the connection the next one gets one again",
          { ONDEMAND, .n_workers = 1, .state = { .surge = 2, .waiting_since = NOW - 50 * MSEC, .round_at = NEXT } },
          { .wake_at = NEXT, .state = { .surge = 1, .round_at = NEXT } } },
        { "those that die are not replaced for nothing",
          { ONDEMAND, .n_workers = 1, .state = { .surge = 1, .round_at = NEXT } },
          { .wake_at = NEXT, .state = { .surge = 1, .round_at = NEXT } } },
        { "at the maximum need is told, and the end of a worker or the next round awaited",
          { ONDEMAND, .n_workers = 16, .waiting = 9,
            .state = { .surge = 8, .round_at = NEXT, .waiting_since = NOW - 5 * MSEC } },
          { .reached_max = true,
            .wake_at = NEXT,
            .state = { .surge = 1, .round_at = NEXT, .waiting_since = NOW, .at_max = true } } },
        { "the idle timeout ends all it is over for",
          { ONDEMAND, .n_workers = 6, .n_idle = 4, .n_idle_long = 3, .state = { .surge = 1, .round_at = NOW } },
          { .end = 3, .end_idle_for = 10 * SEC, .wake_at = NEXT, .state = { .surge = 1, .round_at = NEXT } } },
        { "also while others come, but for as many",
          { ONDEMAND, .n_workers = 6, .n_idle = 4, .n_idle_long = 3, .waiting = 1,
            .state = { .surge = 1, .round_at = NOW } },
          { .end = 2,
            .end_idle_for = 10 * SEC,
            .wake_at = LOOK,
            .state = { .surge = 1, .round_at = NEXT, .waiting_since = NOW, .taken_until = 1 } } },
        { "those that leave still count towards the maximum",
          { ONDEMAND, .n_workers = 16, .n_leaving = 2, .waiting = 9,
            .state = { .surge = 4, .round_at = NEXT, .waiting_since = NOW - 5 * MSEC } },
          { .wake_at = NEXT, .state = { .surge = 8, .round_at = NEXT, .waiting_since = NOW } } },
        { "in a crash loop even a connection waits",
          { ONDEMAND, .waiting = 9, .n_young_dead = SCALE_YOUNG_FREE + 1, .last_death = NOW, .state = { .surge = 1 } },
          { .wake_at = NOW + SCALE_DELAY_FIRST, .state = { .surge = 2, .waiting_since = NOW } } },
};

static bool same_state(const struct scale_state *a, const struct scale_state *b) {
        return a->target == b->target && a->rate == b->rate && a->surge == b->surge && a->round_at == b->round_at &&
               a->waiting_since == b->waiting_since && (b->taken_until == 0 || a->taken_until == b->taken_until) &&
               a->at_max == b->at_max && a->at_process_max == b->at_process_max;
}

static void test_plan(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct scale_plan plan;

                struct scale_input in = rows[i].in;
                const struct scale_plan *want = &rows[i].plan;

                if (in.pm == 0 && in.n_left == 0 && !want->reached_process_max && !in.state.at_process_max &&
                    !in.starting)
                        in.n_left = UINT_MAX;
                /* as many as before, unless the row is about that */
                in.state.n_there = in.n_workers - in.n_pending - (in.state.n_there == NEW);
                scale_plan(&in, &plan);
                if (plan.spawn != want->spawn || plan.wake_at != want->wake_at || plan.end != want->end ||
                    plan.end_idle_for != want->end_idle_for || plan.reached_max != want->reached_max ||
                    plan.reached_process_max != want->reached_process_max || plan.busy != want->busy ||
                    plan.is_try != want->is_try || plan.is_over != want->is_over ||
                    !same_state(&plan.state, &want->state))
                        fail_msg("%s: spawn %u, end %u, wake at %llu, told %d %d %d, target %u, rate %u, surge %u, "
                                 "round at %llu, "
                                 "waiting since %llu",
                                 rows[i].sentence, plan.spawn, plan.end, (unsigned long long)plan.wake_at,
                                 plan.reached_max, plan.reached_process_max, plan.busy, plan.state.target,
                                 plan.state.rate, plan.state.surge, (unsigned long long)plan.state.round_at,
                                 (unsigned long long)plan.state.waiting_since);
        }
}

static void test_growing_is_bounded(void **state) {
        for (unsigned workers = 0; workers <= 16; workers++)
                for (unsigned idle = 0; idle <= workers; idle++)
                        for (unsigned leaving = 0; leaving <= workers - idle; leaving++)
                                for (unsigned i = 0; i < 16; i++) {
                                        struct scale_input in = { DYNAMIC,
                                                                  .n_workers = workers,
                                                                  .n_idle = idle,
                                                                  .n_leaving = leaving,
                                                                  .n_pending = i & 1 ? workers - idle - leaving : 0,
                                                                  .waiting = i & 2,
                                                                  .n_others = i & 4 ? 5 : 0,
                                                                  .state = { .target = workers - leaving,
                                                                             .rate = 8,
                                                                             .surge = 8,
                                                                             .round_at = NOW } };
                                        struct scale_plan plan;

                                        in.pm = i & 8 ? CONF_PM_ONDEMAND : CONF_PM_DYNAMIC;
                                        scale_plan(&in, &plan);
                                        assert_true(plan.spawn == 0 || workers + plan.spawn + in.n_others <= 16);
                                        assert_true(plan.end <= idle);
                                        assert_true(plan.spawn == 0 || plan.end == 0);
                                }
}

static void test_plan_is_bounded(void **state) {
        for (unsigned max = 1; max <= 64; max++)
                for (unsigned workers = 0; workers <= 70; workers++)
                        for (unsigned others = 0; others <= 70; others++) {
                                struct scale_plan plan;

                                scale_plan(&(struct scale_input){ .max_children = max,
                                                                  .n_workers = workers,
                                                                  .n_others = others,
                                                                  .n_left = UINT_MAX },
                                           &plan);
                                assert_true(plan.spawn == 0 || workers + plan.spawn <= max);
                                assert_true(workers + plan.spawn >= scale_least(max));
                        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plan),
                cmocka_unit_test(test_plan_is_bounded),
                cmocka_unit_test(test_growing_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
