/* SPDX-License-Identifier: MIT */
/* No control character reaches a log or a terminal, whatever the bytes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/printable.h"
#include "base/utf8.h"

static const struct {
        const char *says;
        const char *in, *terminal, *log;
} stories[] = {
        { "ordinary text", "GET /index.php?a=b", "GET /index.php?a=b", "GET /index.php?a=b" },
        { "a backslash stays one", "App\\News", "App\\News", "App\\News" },
        { "a newline and a carriage return", "a\nb\r", "a\\nb\\r", "a\\nb\\r" },
        { "a tab", "\tpid = x", "\\x09pid = x", "\tpid = x" },
        { "a terminal's escape", "\033[2J", "\\x1b[2J", "\\x1b[2J" },
        { "delete", "\x7f", "\\x7f", "\\x7f" },
        { "a C1 control in UTF-8",
          "a\xc2\x9b"
          "2J",
          "a\\xc2\\x9b2J", "a\\xc2\\x9b2J" },
        { "a C1 control in one byte",
          "a\x9b"
          "2J",
          "a\\x9b2J",
          "a\x9b"
          "2J" },
        { "UTF-8 text stays", "na\xc3\xafve \xe2\x82\xac \xc2\xa0", "na\xc3\xafve \xe2\x82\xac \xc2\xa0",
          "na\xc3\xafve \xe2\x82\xac \xc2\xa0" },
        { "a character of four bytes at the end", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
        { "Latin-1", "na\xefve", "na\\xefve", "na\xefve" },
        { "an incomplete character at the end", "a\xc2", "a\\xc2", "a\xc2" },
        { "an incomplete character, then a control", "a\xe2\x82\n", "a\\xe2\\x82\\n", "a\xe2\x82\\n" },
};

static void test_stories(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(stories); i++) {
                _cleanup_text_ struct text terminal = {}, log = {};

                printable_append(&terminal, stories[i].in, SIZE_MAX, PRINTABLE_TERMINAL);
                printable_append(&log, stories[i].in, strlen(stories[i].in), PRINTABLE_LOG);
                if (strcmp(text_peek(&terminal), stories[i].terminal) != 0)
                        fail_msg("%s, terminal: %s", stories[i].says, text_peek(&terminal));
                if (strcmp(text_peek(&log), stories[i].log) != 0)
                        fail_msg("%s, log: %s", stories[i].says, text_peek(&log));
        }
}

static void test_no_more_than_n_bytes(void **state) {
        const char field[4] = { 'P', 'O', '\xc2', '\x9b' }; /* not terminated */
        _cleanup_text_ struct text t = {};

        printable_append(&t, field, 3, PRINTABLE_TERMINAL);
        assert_string_equal(text_peek(&t), "PO\\xc2");
        printable_append(&t, field, sizeof(field), PRINTABLE_TERMINAL);
        assert_string_equal(text_peek(&t), "PO\\xc2PO\\xc2\\x9b");
}

static bool is_shown(const char *s) {
        for (; *s; s++) {
                uint32_t code;
                size_t n = utf8_decode(s, &code);

                if (n == 0 || code < 0x20 || (code >= 0x7f && code <= 0x9f))
                        return false;
                s += n - 1;
        }
        return true;
}

static void test_any_bytes_on_a_terminal(void **state) {
        for (unsigned a = 1; a < 256; a++)
                for (unsigned b = 1; b < 256; b++) {
                        const char in[] = { (char)a, (char)b, '\0' };
                        _cleanup_text_ struct text t = {};

                        printable_append(&t, in, sizeof(in), PRINTABLE_TERMINAL);
                        if (!is_shown(text_peek(&t)))
                                fail_msg("%02x %02x: %s", a, b, text_peek(&t));
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stories),
                cmocka_unit_test(test_no_more_than_n_bytes),
                cmocka_unit_test(test_any_bytes_on_a_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
