/* SPDX-License-Identifier: MIT */
/* The JSON page: php-fpm's bytes for the same numbers, and a string that is valid whatever it holds. */

#include <ctype.h>
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

static const struct {
        const char *says;
        const char *in;
        const char *want;
} strings[] = {
        { "plain", "abc", "\"abc\"" },
        { "empty", "", "\"\"" },
        { "what PHP escapes", "\"\\/\b\f\n\r\t", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"" },
        { "other control characters", "\x01\x1f", "\"\\u0001\\u001f\"" },
        { "two bytes", "\xc3\xa9", "\"\\u00e9\"" },
        { "three bytes", "\xe2\x82\xac", "\"\\u20ac\"" },
        { "four bytes make a surrogate pair", "\xf0\x9f\x98\x80", "\"\\ud83d\\ude00\"" },
        { "the last code point", "\xf4\x8f\xbf\xbf", "\"\\udbff\\udfff\"" },
        { "beyond the last code point", "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
        { "a lone byte",
          "a\xff"
          "b",
          "\"a\\ufffdb\"" },
        { "a lone continuation byte", "\x80", "\"\\ufffd\"" },
        { "cut off by the end", "\xe2\x82", "\"\\ufffd\\ufffd\"" },
        { "cut off by another character", "\xe2\x82/", "\"\\ufffd\\ufffd\\/\"" },
        { "a longer form than needed", "\xc0\xaf", "\"\\ufffd\\ufffd\"" },
        { "a longer form of three bytes", "\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"" },
        { "a surrogate in UTF-8", "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
};

static void test_strings(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                _cleanup_text_ struct text out = {};

                status_json_string(strings[i].in, &out);
                if (strcmp(text_peek(&out), strings[i].want) != 0)
                        fail_msg("%s: %s", strings[i].says, text_peek(&out));
        }
}

/* RFC 8259, section 7, for a text that is ASCII throughout. */
static bool is_json_string(const char *s) {
        size_t n = strlen(s);

        if (n < 2 || s[0] != '"' || s[n - 1] != '"')
                return false;
        for (const char *p = s + 1; p < s + n - 1; p++) {
                if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7f || *p == '"')
                        return false;
                if (*p != '\\')
                        continue;
                p++;
                if (*p != 'u') {
                        if (!strchr("\"\\/bfnrt", *p) || p == s + n - 1)
                                return false;
                        continue;
                }
                for (int i = 0; i < 4; i++)
                        if (!isxdigit((unsigned char)*++p))
                                return false;
        }
        return true;
}

static void test_any_bytes(void **state) {
        for (unsigned a = 1; a < 256; a++)
                for (unsigned b = 1; b < 256; b++)
                        for (unsigned c = 0x22; c < 256; c += 0x3a) {
                                const char in[] = { (char)a, (char)b, (char)c, '\0' };
                                _cleanup_text_ struct text out = {};

                                status_json_string(in, &out);
                                if (!is_json_string(text_peek(&out)))
                                        fail_msg("%02x %02x %02x: %s", a, b, c, text_peek(&out));
                        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_short),
                cmocka_unit_test(test_full),
                cmocka_unit_test(test_strings),
                cmocka_unit_test(test_any_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
