/* SPDX-License-Identifier: MIT */
/* pool/timeouts.h as a table of sentences. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/timeouts.h"

#define SEC USEC_PER_SEC

static const struct {
        const char *sentence;
        struct timeouts_input in;
        struct timeouts_plan plan;
} rows[] = {
        { "requests have until the control timeout",
          { TIMEOUTS_WAITING, 10 * SEC, 30 * SEC, 12 * SEC },
          { TIMEOUTS_WAITING, 40 * SEC } },
        { "then their workers are asked to end",
          { TIMEOUTS_WAITING, 10 * SEC, 30 * SEC, 40 * SEC },
          { TIMEOUTS_TERMINATED, 40 * SEC + TIMEOUTS_KILL_DELAY } },
        { "a timeout of zero asks at once",
          { TIMEOUTS_WAITING, 10 * SEC, 0, 10 * SEC },
          { TIMEOUTS_TERMINATED, 10 * SEC + TIMEOUTS_KILL_DELAY } },
        { "a drain that began after the clock was read has not waited yet",
          { TIMEOUTS_WAITING, 10 * SEC + 5, 30 * SEC, 10 * SEC },
          { TIMEOUTS_WAITING, 40 * SEC + 5 } },
        { "who was asked has a moment",
          { TIMEOUTS_TERMINATED, 40 * SEC, 30 * SEC, 40 * SEC + 1 },
          { TIMEOUTS_TERMINATED, 40 * SEC + TIMEOUTS_KILL_DELAY } },
        { "who does not end is killed",
          { TIMEOUTS_TERMINATED, 40 * SEC, 30 * SEC, 40 * SEC + TIMEOUTS_KILL_DELAY },
          { TIMEOUTS_KILLED, 40 * SEC + TIMEOUTS_KILL_DELAY + TIMEOUTS_LEAVE_BEHIND } },
        { "one that was killed has a moment to go",
          { TIMEOUTS_KILLED, 41 * SEC, 30 * SEC, 42 * SEC },
          { TIMEOUTS_KILLED, 41 * SEC + TIMEOUTS_LEAVE_BEHIND } },
        { "one that does not is left behind",
          { TIMEOUTS_KILLED, 41 * SEC, 30 * SEC, 41 * SEC + TIMEOUTS_LEAVE_BEHIND },
          { TIMEOUTS_LEFT, USEC_INFINITY } },
        { "and there is nothing after that",
          { TIMEOUTS_LEFT, 46 * SEC, 30 * SEC, 99 * SEC },
          { TIMEOUTS_LEFT, USEC_INFINITY } },
};

static void test_plan(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct timeouts_plan plan;

                timeouts_plan(&rows[i].in, &plan);
                if (plan.step != rows[i].plan.step || plan.wake_at != rows[i].plan.wake_at)
                        fail_msg("%s: step %d, wake at %llu", rows[i].sentence, plan.step,
                                 (unsigned long long)plan.wake_at);
        }
}

static const struct {
        const char *sentence;
        bool idle;
        usec_t now;
        bool over;
        usec_t wake_at;
} leaving[] = {
        { "who is told to end has a moment", true, 11 * SEC, false, 10 * SEC + TIMEOUTS_LEAVE_DELAY },
        { "and is killed when it idles on", true, 10 * SEC + TIMEOUTS_LEAVE_DELAY, true, USEC_INFINITY },
        { "a request is finished, and then looked at again", false, 20 * SEC, false, 20 * SEC + TIMEOUTS_LEAVE_LOOK },
        { "told after the clock was read", true, 9 * SEC, false, 10 * SEC + TIMEOUTS_LEAVE_DELAY },
};

static void test_leaving(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(leaving); i++) {
                usec_t at = USEC_INFINITY;
                bool over = timeouts_leave_is_over(10 * SEC, leaving[i].idle, leaving[i].now, &at);

                if (over != leaving[i].over || at != leaving[i].wake_at)
                        fail_msg("%s: %d, wake at %llu", leaving[i].sentence, over, (unsigned long long)at);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_plan), cmocka_unit_test(test_leaving) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
