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
          { TIMEOUTS_KILLED, USEC_INFINITY } },
        { "and there is nothing after that",
          { TIMEOUTS_KILLED, 41 * SEC, 30 * SEC, 99 * SEC },
          { TIMEOUTS_KILLED, USEC_INFINITY } },
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

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_plan) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
