/* SPDX-License-Identifier: MIT */
/* A string that is valid JSON whatever it holds. */

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

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

                json_string(strings[i].in, &out);
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

                                json_string(in, &out);
                                if (!is_json_string(text_peek(&out)))
                                        fail_msg("%02x %02x %02x: %s", a, b, c, text_peek(&out));
                        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_strings),
                cmocka_unit_test(test_any_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
