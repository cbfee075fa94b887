/* SPDX-License-Identifier: MIT */
/* The JSON page: php-fpm's bytes for the same numbers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "board.h"
#include "status/json.h"

/* A field that php-fpm has since PHP 8.4. */
#if FPMD_PHP_VERSION_ID >= 80400
#define PEAK_JSON ",\"memory peak\":0"
#else
#define PEAK_JSON ""
#endif

#define POOL_JSON                                                                                                      \
        "{\"pool\":\"www\",\"process manager\":\"dynamic\",\"start time\":1795294995,\"start since\":90,"              \
        "\"accepted conn\":4,\"listen queue\":0,\"max listen queue\":0,\"listen queue len\":0,\"idle processes\":1,"   \
        "\"active processes\":1,\"total processes\":2,\"max active processes\":1,\"max children reached\":0,"          \
        "\"slow requests\":0" PEAK_JSON

#define WORKERS_JSON                                                                                                   \
        ", \"processes\":[{\"pid\":100,\"state\":\"Idle\",\"start time\":1795294995,\"start since\":88,"               \
        "\"requests\":3,\"request duration\":400,\"request method\":\"GET\",\"request uri\":\"\\/status?json\","       \
        "\"content length\":0,\"user\":\"-\",\"script\":\"-\",\"last request cpu\":12.50,"                             \
        "\"last request memory\":2097152},"                                                                            \
        "{\"pid\":101,\"state\":\"Getting request informations\",\"start time\":1795294995,\"start since\":88,"        \
        "\"requests\":1,\"request duration\":5,\"request method\":\"-\",\"request uri\":\"-\","                        \
        "\"content length\":0,\"user\":\"-\",\"script\":\"-\",\"last request cpu\":0.00,\"last request memory\":0}]"

static struct scoreboard *example(void) {
        struct scoreboard *board = board_new();
        struct scoreboard_slot *w = board_add(board, 0, STAGE_ACCEPTING);

        w->request_id = 3;
        w->requests = 3;
        w->duration = 400;
        w->cpu = 50;
        w->memory = 2097152;
        strcpy(w->method, "GET");
        strcpy(w->uri, "/status");
        strcpy(w->query, "json");
        w = board_add(board, 1, STAGE_INFO);
        w->request_id = 1;
        w->requests = 1;
        w->request_mono = NOW - 5;
        return board;
}

static void expect(bool full, const char *want) {
        _cleanup_board_ struct scoreboard *board = example();
        _cleanup_snapshot_ struct status_snapshot s = {};
        _cleanup_text_ struct text out = {};

        assert_int_equal(status_snapshot_take(board, NOW, STATUS_SNAPSHOT_WORKERS, &s), 0);
        status_json_render(&s, full, &out);
        assert_string_equal(text_peek(&out), want);
}

static void test_short(void **state) {
        expect(false, POOL_JSON "}");
}

static void test_full(void **state) {
        expect(true, POOL_JSON WORKERS_JSON "}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_short),
                cmocka_unit_test(test_full),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
