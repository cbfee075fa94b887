/* SPDX-License-Identifier: MIT */
/* Numbers from scoreboards: sane ones, and scribbled ones. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "board.h"
#include "status/json.h"
#include "status/snapshot.h"
#include "status/text.h"

static const struct {
        const char *says;
        enum stage stages[8];
        uint64_t max_active; /* in the header */
        uint32_t n_idle, n_active;
        uint64_t want_max_active;
} rows[] = {
        { "no worker at all", {}, 0, 0, 0, 0 },
        { "accepting and creating are idle", { STAGE_ACCEPTING, STAGE_CREATING }, 0, 2, 0, 0 },
        { "from the first byte to the end of shutdown a worker is active",
          { STAGE_READING_HEADERS, STAGE_INFO, STAGE_EXECUTING, STAGE_END, STAGE_FINISHED },
          0,
          0,
          5,
          5 },
        { "free slots between workers do not count", { STAGE_ACCEPTING, 0, STAGE_EXECUTING, 0 }, 0, 1, 1, 1 },
        { "the most ever seen stands", { STAGE_EXECUTING }, 4, 0, 1, 4 },
        { "the most ever seen is never less than now", { STAGE_EXECUTING, STAGE_EXECUTING }, 1, 0, 2, 2 },
        { "a stage that is none is no worker", { (enum stage)99, STAGE_ACCEPTING }, 0, 1, 0, 0 },
};

static void test_counts(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_board_ struct scoreboard *board = board_new();
                _cleanup_snapshot_ struct status_snapshot s = {};

                board->header.max_active = rows[i].max_active;
                for (uint32_t k = 0; k < 8; k++)
                        if (rows[i].stages[k] != STAGE_NONE)
                                board_add(board, k, rows[i].stages[k]);
                assert_int_equal(status_snapshot_take(board, NOW, STATUS_SNAPSHOT_WORKERS, &s), 0);
                if (s.n_idle != rows[i].n_idle || s.n_active != rows[i].n_active ||
                    s.n_total != rows[i].n_idle + rows[i].n_active || s.n_workers != s.n_total ||
                    s.max_active != rows[i].want_max_active)
                        fail_msg("%s: idle %u active %u total %u max %llu", rows[i].says, s.n_idle, s.n_active,
                                 s.n_total, (unsigned long long)s.max_active);
        }
}

static void test_rows_are_optional(void **state) {
        _cleanup_board_ struct scoreboard *board = board_new();
        _cleanup_snapshot_ struct status_snapshot s = {};

        board_add(board, 0, STAGE_ACCEPTING);
        assert_int_equal(status_snapshot_take(board, NOW, 0, &s), 0);
        assert_int_equal(s.n_total, 1);
        assert_int_equal(s.n_workers, 0);
        assert_null(s.workers);
}

static void test_counters_outlive_workers(void **state) {
        _cleanup_board_ struct scoreboard *board = board_new();
        _cleanup_snapshot_ struct status_snapshot s = {};

        board_add(board, 0, STAGE_ACCEPTING)->requests = 10;
        board->slots[0].accepted = 3;
        board->slots[1].requests = 5; /* its worker has gone */
        board->slots[1].accepted = 5;
        board->slots[7].logs_lost[1] = 2;
        board->header.overload[SCOREBOARD_OVERLOAD_abandoned] = 4;
        board->slots[8].requests = 1000; /* beyond n_used */
        assert_int_equal(status_snapshot_take(board, NOW, 0, &s), 0);
        assert_int_equal(s.requests, 15);
        assert_int_equal(s.connections, 8);
        assert_int_equal(s.logs_lost[1], 2);
        assert_int_equal(s.overload[SCOREBOARD_OVERLOAD_abandoned], 4);
}

static void test_earlier_numbers_are_added(void **state) {
        _cleanup_board_ struct scoreboard *board = board_new();
        _cleanup_snapshot_ struct status_snapshot s = {};

        board->slots[0].requests = 10;
        board->header.earlier.requests = 100;
        board->header.max_listen_queue = 3;
        board->header.earlier.max_listen_queue = 2; /* the most, not a sum */
        board->header.earlier.memory_peak = 7;
        assert_int_equal(status_snapshot_take(board, NOW, 0, &s), 0);
        assert_int_equal(s.requests, 110);
        assert_int_equal(s.max_listen_queue, 3);
        assert_int_equal(s.memory_peak, 7);
}

static void test_many_rows(void **state) {
        _cleanup_board_ struct scoreboard *board = board_new();
        _cleanup_snapshot_ struct status_snapshot s = {};

        board->header.n_used = SCOREBOARD_SLOTS;
        for (uint32_t i = 0; i < SCOREBOARD_SLOTS; i++)
                board_add(board, i, STAGE_ACCEPTING);
        assert_int_equal(status_snapshot_take(board, NOW, STATUS_SNAPSHOT_WORKERS, &s), 0);
        assert_int_equal(s.n_workers, SCOREBOARD_SLOTS);
        for (uint32_t i = 0; i < SCOREBOARD_SLOTS; i++)
                assert_int_equal(s.workers[i].pid, 100 + (int32_t)i);
}

static const struct {
        const char *says;
        struct scoreboard_slot w;
        uint64_t duration, cpu, memory;
} derived[] = {
        { "an idle worker shows its last request",
          { .stage = STAGE_ACCEPTING, .duration = 2000, .cpu = 1000, .memory = 4096, .request_mono = 1 },
          2000,
          5000,
          4096 },
        { "a busy one shows the time so far, and nothing of the last",
          { .stage = STAGE_EXECUTING, .duration = 7, .cpu = 7, .memory = 7, .request_mono = NOW - 3 * SECOND },
          3 * SECOND,
          0,
          0 },
        { "a request from the future has taken no time",
          { .stage = STAGE_EXECUTING, .request_mono = NOW + SECOND },
          0,
          0,
          0 },
        { "a request without a start has taken no time", { .stage = STAGE_EXECUTING }, 0, 0, 0 },
        { "no request yet", { .stage = STAGE_ACCEPTING }, 0, 0, 0 },
        { "hundredths are rounded", { .stage = STAGE_ACCEPTING, .duration = 3, .cpu = 2 }, 3, 6667, 0 },
        { "a scribbled cpu time stays a number",
          { .stage = STAGE_ACCEPTING, .duration = 1, .cpu = UINT64_MAX },
          1,
          100000000,
          0 },
};

static void test_derived(void **state) {
        const struct status_snapshot s = { .now = NOW };

        for (size_t i = 0; i < ELEMENTSOF(derived); i++) {
                const struct scoreboard_slot *w = &derived[i].w;

                if (status_snapshot_worker_duration(&s, w) != derived[i].duration ||
                    status_snapshot_worker_cpu(w) != derived[i].cpu ||
                    status_snapshot_worker_memory(w) != derived[i].memory)
                        fail_msg("%s: duration %llu cpu %llu memory %llu", derived[i].says,
                                 (unsigned long long)status_snapshot_worker_duration(&s, w),
                                 (unsigned long long)status_snapshot_worker_cpu(w),
                                 (unsigned long long)status_snapshot_worker_memory(w));
        }
}

static void scribble(void *data, size_t n, uint64_t seed) {
        uint8_t *p = data;

        for (size_t i = 0; i < n; i++) {
                seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
                p[i] = (uint8_t)(seed >> 56);
        }
}

static void test_scribbled(void **state) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
                _cleanup_board_ struct scoreboard *board = board_new();
                _cleanup_snapshot_ struct status_snapshot s = {};
                _cleanup_text_ struct text text = {}, json = {};

                scribble(board, sizeof(*board), seed);
                for (uint32_t i = 0; i < SCOREBOARD_SLOTS; i += 100) {
                        board->slots[i].stage = 1 + i / 100 % 7;
                        board->slots[i].seq &= ~1U; /* else each costs the reader its patience */
                }
                assert_int_equal(status_snapshot_take(board, NOW, STATUS_SNAPSHOT_WORKERS, &s), 0);
                assert_int_equal(s.n_idle + s.n_active, s.n_total);
                assert_int_equal(s.n_workers, s.n_total);
                assert_true(s.n_total > 0);
                status_text_render(&s, &text);
                status_json_render(&s, true, &json);
                assert_false(text.failed || json.failed);
        }
}

/* The reader knows how many slots there are, and no writer keeps it. */
static void test_at_once_within_the_readers_own_bounds(void **state) {
        _cleanup_board_ struct scoreboard *board = board_new();
        _cleanup_snapshot_ struct status_snapshot s = {}, none = {};

        for (uint32_t i = 0; i < 3; i++)
                board_add(board, i, STAGE_EXECUTING);
        board->header.n_used = UINT32_MAX;
        board->header.seq |= 1U;
        for (uint32_t i = 0; i < 3; i++)
                board->slots[i].seq |= 1U;
        assert_int_equal(status_snapshot_take_at_once(board, 2, NOW, STATUS_SNAPSHOT_WORKERS, &s), 0);
        assert_int_equal(s.n_total, 2);
        assert_int_equal(s.n_workers, 2);
        assert_int_equal(status_snapshot_take_at_once(board, 0, NOW, STATUS_SNAPSHOT_WORKERS, &none), 0);
        assert_int_equal(none.n_total, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_counts),
                cmocka_unit_test(test_rows_are_optional),
                cmocka_unit_test(test_counters_outlive_workers),
                cmocka_unit_test(test_earlier_numbers_are_added),
                cmocka_unit_test(test_many_rows),
                cmocka_unit_test(test_derived),
                cmocka_unit_test(test_scribbled),
                cmocka_unit_test(test_at_once_within_the_readers_own_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
