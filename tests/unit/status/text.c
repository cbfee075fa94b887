/* SPDX-License-Identifier: MIT */
/* The text page, against what php-fpm 8.2 prints for the same numbers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "board.h"
#include "status/fields.h"
#include "status/text.h"

/* A line that php-fpm has since PHP 8.4. */
#if FPMD_PHP_VERSION_ID >= 80400
#define PEAK_TEXT "memory peak:          0\n"
#else
#define PEAK_TEXT ""
#endif

#define POOL_TEXT                                                                                                      \
        "pool:                 www\n"                                                                                  \
        "process manager:      dynamic\n"                                                                              \
        "start time:           21/Nov/2026:21:03:15 +0000\n"                                                           \
        "start since:          90\n"                                                                                   \
        "accepted conn:        17\n"                                                                                   \
        "listen queue:         1\n"                                                                                    \
        "max listen queue:     4\n"                                                                                    \
        "listen queue len:     511\n"                                                                                  \
        "idle processes:       1\n"                                                                                    \
        "active processes:     1\n"                                                                                    \
        "total processes:      2\n"                                                                                    \
        "max active processes: 2\n"                                                                                    \
        "max children reached: 3\n"                                                                                    \
        "slow requests:        0\n" PEAK_TEXT

#define WORKERS_TEXT                                                                                                   \
        "\n************************\n"                                                                                 \
        "pid:                  100\n"                                                                                  \
        "state:                Idle\n"                                                                                 \
        "start time:           21/Nov/2026:21:03:15 +0000\n"                                                           \
        "start since:          88\n"                                                                                   \
        "requests:             8\n"                                                                                    \
        "request duration:     145\n"                                                                                  \
        "request method:       POST\n"                                                                                 \
        "request URI:          /a.php?b=1\n"                                                                           \
        "content length:       5\n"                                                                                    \
        "user:                 bob\n"                                                                                  \
        "script:               /srv/a.php\n"                                                                           \
        "last request cpu:     68.97\n"                                                                                \
        "last request memory:  2097152\n"                                                                              \
        "\n************************\n"                                                                                 \
        "pid:                  102\n"                                                                                  \
        "state:                Running\n"                                                                              \
        "start time:           21/Nov/2026:21:03:15 +0000\n"                                                           \
        "start since:          88\n"                                                                                   \
        "requests:             1\n"                                                                                    \
        "request duration:     2000000\n"                                                                              \
        "request method:       GET\n"                                                                                  \
        "request URI:          /line\\nbreak\\x1b[0m\n"                                                                \
        "content length:       0\n"                                                                                    \
        "user:                 -\n"                                                                                    \
        "script:               -\n"                                                                                    \
        "last request cpu:     0.00\n"                                                                                 \
        "last request memory:  0\n"

static struct scoreboard *example(void) {
        struct scoreboard *board = board_example();
        struct scoreboard_slot *w = &board->slots[0];

        w->requests = 16; /* the slot's, another worker's before included */
        strcpy(w->query, "b=1");
        strcpy(w->user, "bob");

        w = board_add(board, 2, STAGE_EXECUTING);
        w->request_id = 1;
        w->requests = 1;
        w->request_mono = NOW - 2 * SECOND;
        w->memory = 99;
        strcpy(w->method, "GET");
        strcpy(w->uri, "/line\nbreak\x1b[0m");
        return board;
}

static void expect(unsigned flags, const char *want) {
        _cleanup_board_ struct scoreboard *board = example();
        _cleanup_snapshot_ struct status_snapshot s = {};
        _cleanup_text_ struct text out = {};

        assert_int_equal(status_snapshot_take(board, NOW, flags, &s), 0);
        status_text_render(&s, &out);
        assert_string_equal(text_peek(&out), want);
}

static void test_short(void **state) {
        expect(0, POOL_TEXT);
}

static void test_full(void **state) {
        expect(STATUS_SNAPSHOT_WORKERS, POOL_TEXT WORKERS_TEXT);
}

static const struct {
        const char *zone;
        uint64_t wall;
        const char *want;
} times[] = {
        { "UTC", WALL, "21/Nov/2026:21:03:15 +0000" },
        { "XXX-05:30", WALL, "22/Nov/2026:02:33:15 +0530" },
        { "XXX03:30", WALL, "21/Nov/2026:17:33:15 -0330" },
        { "UTC", 0, "01/Jan/1970:00:00:00 +0000" },
};

static void test_times(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(times); i++) {
                _cleanup_text_ struct text out = {};

                setenv("TZ", times[i].zone, 1);
                tzset();
                status_fields_time(times[i].wall, &out);
                assert_string_equal(text_peek(&out), times[i].want);
        }
        setenv("TZ", "UTC", 1);
        tzset();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_short),
                cmocka_unit_test(test_full),
                cmocka_unit_test(test_times),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
