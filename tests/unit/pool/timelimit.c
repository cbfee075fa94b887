/* SPDX-License-Identifier: MIT */
/* pool/timelimit.h as a table of sentences. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/timelimit.h"
#include "scoreboard/stages.h"

#define SEC USEC_PER_SEC
#define NOW (100 * SEC)

static const struct timelimit_limits none = {}, end_at_10 = { .terminate = 10 * SEC }, slow_at_3 = { .slow = 3 * SEC },
                                     both = { .terminate = 10 * SEC, .slow = 3 * SEC },
                                     after_reply = { .terminate = 10 * SEC, .track_finished = true };

static const struct {
        const char *sentence;
        const struct timelimit_limits *limits;
        struct timelimit_request request;
        struct timelimit_memory memory;
        enum timelimit_action action;
        usec_t wake_at;
} rows[] = {
        { "without limits nobody looks", &none, { STAGE_EXECUTING, 1, SEC }, {}, TIMELIMIT_NOTHING, USEC_INFINITY },
        { "an idle worker is looked at when its next request could be over at the earliest",
          &end_at_10,
          { STAGE_ACCEPTING, 1, SEC },
          {},
          TIMELIMIT_NOTHING,
          NOW + 10 * SEC },
        { "with two limits the shorter one says when",
          &both,
          { STAGE_ACCEPTING, 1, SEC },
          {},
          TIMELIMIT_NOTHING,
          NOW + 3 * SEC },
        { "a request in hand is looked at when it is over",
          &end_at_10,
          { STAGE_EXECUTING, 1, NOW - 4 * SEC },
          {},
          TIMELIMIT_NOTHING,
          NOW + 6 * SEC },
        { "to the microsecond",
          &end_at_10,
          { STAGE_EXECUTING, 1, NOW - 10 * SEC + 1 },
          {},
          TIMELIMIT_NOTHING,
          NOW + 1 },
        { "and then it is condemned", &end_at_10, { STAGE_EXECUTING, 1, NOW - 10 * SEC }, {}, TIMELIMIT_CONDEMN, 0 },
        { "also while its head is read",
          &end_at_10,
          { STAGE_READING_HEADERS, 1, NOW - 10 * SEC },
          {},
          TIMELIMIT_CONDEMN,
          0 },
        { "not after its reply", &end_at_10, { STAGE_END, 1, NOW - 10 * SEC }, {}, TIMELIMIT_NOTHING, NOW + 10 * SEC },
        { "unless that is tracked", &after_reply, { STAGE_END, 1, NOW - 10 * SEC }, {}, TIMELIMIT_CONDEMN, 0 },
        { "a finished one is no longer in hand",
          &after_reply,
          { STAGE_FINISHED, 1, SEC },
          {},
          TIMELIMIT_NOTHING,
          NOW + 10 * SEC },
        { "a request from the future has just begun",
          &end_at_10,
          { STAGE_EXECUTING, 1, USEC_INFINITY },
          {},
          TIMELIMIT_NOTHING,
          NOW + 10 * SEC },
        { "a stage that is none is no request", &end_at_10, { 77, 1, 0 }, {}, TIMELIMIT_NOTHING, NOW + 10 * SEC },
        { "a condemned one is kept for its trace",
          &end_at_10,
          { STAGE_EXECUTING, 1, SEC },
          { .id = 1, .condemned_at = NOW - 1 },
          TIMELIMIT_NOTHING,
          NOW - 1 + TIMELIMIT_TRACE },
        { "until that is there",
          &end_at_10,
          { STAGE_EXECUTING, 1, SEC },
          { .id = 1, .condemned_at = NOW - 1, .traced = true },
          TIMELIMIT_TERMINATE,
          0 },
        { "or does not come",
          &end_at_10,
          { STAGE_EXECUTING, 1, SEC },
          { .id = 1, .condemned_at = NOW - TIMELIMIT_TRACE },
          TIMELIMIT_TERMINATE,
          0 },
        { "one that ends meanwhile is spared",
          &end_at_10,
          { STAGE_ACCEPTING, 1, SEC },
          { .id = 1, .condemned_at = NOW - TIMELIMIT_TRACE },
          TIMELIMIT_NOTHING,
          NOW + 10 * SEC },
        { "and so is the worker's next one",
          &end_at_10,
          { STAGE_EXECUTING, 2, NOW },
          { .id = 1, .condemned_at = NOW - TIMELIMIT_TRACE },
          TIMELIMIT_NOTHING,
          NOW + 10 * SEC },
        { "who was sent SIGTERM has a second",
          &end_at_10,
          { STAGE_EXECUTING, 1, SEC },
          { .id = 1, .terminated_at = NOW },
          TIMELIMIT_NOTHING,
          NOW + TIMELIMIT_KILL_DELAY },
        { "and is then killed, whatever it claims to do",
          &end_at_10,
          { STAGE_ACCEPTING, 9, NOW },
          { .id = 1, .terminated_at = NOW - TIMELIMIT_KILL_DELAY },
          TIMELIMIT_KILL,
          0 },
        { "once",
          &end_at_10,
          { STAGE_ACCEPTING, 9, NOW },
          { .id = 1, .terminated_at = SEC, .killed = true },
          TIMELIMIT_NOTHING,
          USEC_INFINITY },
        { "a script is slow at its time",
          &slow_at_3,
          { STAGE_EXECUTING, 1, NOW - 3 * SEC },
          {},
          TIMELIMIT_TELL_SLOW,
          0 },
        { "not before", &slow_at_3, { STAGE_EXECUTING, 1, NOW - 2 * SEC }, {}, TIMELIMIT_NOTHING, NOW + SEC },
        { "once for each request",
          &slow_at_3,
          { STAGE_EXECUTING, 1, NOW - 4 * SEC },
          { .id = 1, .slow_told = true },
          TIMELIMIT_NOTHING,
          NOW + 3 * SEC },
        { "its next one may be slow again",
          &slow_at_3,
          { STAGE_EXECUTING, 2, NOW - 4 * SEC },
          { .id = 1, .slow_told = true },
          TIMELIMIT_TELL_SLOW,
          0 },
        { "a lie about its begin gains nothing: it came after the last one",
          &slow_at_3,
          { STAGE_EXECUTING, 2, 0 },
          { .id = 2, .begun_after = NOW - SEC },
          TIMELIMIT_NOTHING,
          NOW + 2 * SEC },
        { "a client is not slow",
          &slow_at_3,
          { STAGE_READING_HEADERS, 1, NOW - 4 * SEC },
          {},
          TIMELIMIT_NOTHING,
          NOW + 3 * SEC },
        { "slow comes before its end", &both, { STAGE_EXECUTING, 1, NOW - 50 * SEC }, {}, TIMELIMIT_TELL_SLOW, 0 },
        { "which follows",
          &both,
          { STAGE_EXECUTING, 1, NOW - 50 * SEC },
          { .id = 1, .slow_told = true },
          TIMELIMIT_CONDEMN,
          0 },
};

static void test_plan(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct timelimit_plan plan;

                timelimit_plan(rows[i].limits, &rows[i].request, &rows[i].memory, NOW, &plan);
                if (plan.action != rows[i].action ||
                    (plan.action == TIMELIMIT_NOTHING && plan.wake_at != rows[i].wake_at))
                        fail_msg("%s: action %d, wake at %llu", rows[i].sentence, plan.action,
                                 (unsigned long long)plan.wake_at);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_plan) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
