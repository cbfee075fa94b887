/* SPDX-License-Identifier: MIT */
/* pool/sleep.h as a table of sentences. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/sleep.h"

#define SEC USEC_PER_SEC

/* What rows have in common. */
#define SETTLED .is_settled = true, .sleep_after = 60 * SEC

static const struct {
        const char *sentence;
        struct sleep_input in;
        bool sleeps;
        usec_t wake_at;
} rows[] = {
        { "a pool without workers has its time",
          { SETTLED, .unused_since = 10 * SEC, .now = 30 * SEC },
          false,
          70 * SEC },
        { "then it sleeps", { SETTLED, .unused_since = 10 * SEC, .now = 70 * SEC }, true, USEC_INFINITY },
        { "not while a worker is there",
          { SETTLED, .n_workers = 1, .n_idle_long = 1, .now = 99 * SEC },
          false,
          USEC_INFINITY },
        { "nor while a connection waits for one",
          { SETTLED, .waiting = 1, .unused_since = 10 * SEC, .now = 99 * SEC },
          false,
          USEC_INFINITY },
        { "nor while one of its processes comes or goes",
          { .sleep_after = 60 * SEC, .unused_since = 10 * SEC, .now = 99 * SEC },
          false,
          USEC_INFINITY },
        { "0 is never", { .is_settled = true, .unused_since = 10 * SEC, .now = 99 * SEC }, false, USEC_INFINITY },
        { "memory is short: at once",
          { SETTLED, .is_pressed = true, .unused_since = 98 * SEC, .now = 99 * SEC },
          true,
          USEC_INFINITY },
        { "a trial is over at once",
          { SETTLED, .is_trial = true, .unused_since = 99 * SEC, .now = 99 * SEC },
          true,
          USEC_INFINITY },
        { "unless somebody waits",
          { SETTLED, .is_trial = true, .waiting = 1, .unused_since = 99 * SEC, .now = 99 * SEC },
          false,
          USEC_INFINITY },
        { "a pool that keeps workers sleeps when all have been idle for so long",
          { SETTLED, .keeps_workers = true, .n_workers = 3, .n_idle_long = 3, .now = 99 * SEC },
          true,
          USEC_INFINITY },
        { "one that has not is looked at again",
          { SETTLED, .keeps_workers = true, .n_workers = 3, .n_idle_long = 2, .now = 99 * SEC },
          false,
          99 * SEC + SLEEP_LOOK },
        { "and so it is when a connection waits",
          { SETTLED, .keeps_workers = true, .n_workers = 3, .n_idle_long = 3, .waiting = 1, .now = 99 * SEC },
          false,
          99 * SEC + SLEEP_LOOK },
        { "one whose workers cannot be forked has its time, too",
          { SETTLED, .keeps_workers = true, .unused_since = 98 * SEC, .now = 99 * SEC },
          false,
          158 * SEC },
};

static void test_plan(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                usec_t wake_at;

                if (sleep_plan(&rows[i].in, &wake_at) != rows[i].sleeps)
                        fail_msg("%s: it does not", rows[i].sentence);
                if (wake_at != rows[i].wake_at)
                        fail_msg("%s: looks again at %llu", rows[i].sentence, (unsigned long long)wake_at);
        }
}

static void who_wakes_up_first(void **state) {
        static const struct {
                const char *sentence;
                struct sleep_client client;
                bool lets_pass;
        } order[] = {
                { "nobody else has a client", {}, false },
                { "others have one, and theirs came before", { .others_wait = true }, true },
                { "they may go on coming", { .others_wait = true, .has_let_pass = true }, false },
                { "its own is told: it is in its place in line", { .others_wait = true, .is_told = true }, false },
                { "told after it has let them pass",
                  { .others_wait = true, .is_told = true, .has_let_pass = true },
                  false },
                { "they have gone", { .has_let_pass = true }, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                if (sleep_lets_pass(&order[i].client) != order[i].lets_pass)
                        fail_msg("%s", order[i].sentence);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plan),
                cmocka_unit_test(who_wakes_up_first),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
