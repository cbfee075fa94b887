/* SPDX-License-Identifier: MIT */
/* Text in HTML and XML: php-fpm's escapes, and well-formed whatever the bytes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "status/markup.h"

#define FFFD "\xef\xbf\xbd"

static const struct {
        const char *says;
        const char *in;
        const char *want;
} rows[] = {
        { "plain", "abc", "abc" },
        { "empty", "", "" },
        { "what markup is made of", "a=\"x\"&<c>'e>", "a=&quot;x&quot;&amp;&lt;c&gt;'e&gt;" },
        { "an entity is text", "&amp;", "&amp;amp;" },
        { "two, three and four bytes", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "blanks that XML has", "\t\n\r", "\t\n\r" },
        { "control characters that it has not", "\x01\x1b\x1f", FFFD FFFD FFFD },
        { "delete is a character", "\x7f", "\x7f" },
        { "code points that are none", "\xef\xbf\xbe\xef\xbf\xbf", FFFD FFFD },
        { "a lone byte", "x\xffy", "x" FFFD "y" },
        { "cut off by the end", "\xe2\x82", FFFD FFFD },
        { "cut off by markup", "\xe2\x82<", FFFD FFFD "&lt;" },
        { "a longer form of the less-than sign", "\xc0\xbc", FFFD FFFD },
        { "a surrogate", "\xed\xa0\x80", FFFD FFFD FFFD },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_text_ struct text out = {};

                status_markup_text(rows[i].in, &out);
                if (strcmp(text_peek(&out), rows[i].want) != 0)
                        fail_msg("%s: %s", rows[i].says, text_peek(&out));
        }
}

/* Character data: no markup but the four references, and characters of XML 1.0 alone. */
static bool is_character_data(const char *s) {
        while (*s) {
                uint32_t code;
                size_t n = utf8_decode(s, &code);

                if (n == 0 || (code < 0x20 && !strchr("\t\n\r", (int)code)) || code == 0xfffe || code == 0xffff ||
                    strchr("<>\"", *s))
                        return false;
                if (*s == '&') {
                        n = strcspn(s, ";") + 1;
                        if (strncmp(s, "&amp;", n) && strncmp(s, "&lt;", n) && strncmp(s, "&gt;", n) &&
                            strncmp(s, "&quot;", n))
                                return false;
                }
                s += n;
        }
        return true;
}

static void test_any_bytes(void **state) {
        for (unsigned a = 1; a < 256; a++)
                for (unsigned b = 1; b < 256; b++)
                        for (unsigned c = 0x22; c < 256; c += 0x1a) {
                                const char in[] = { (char)a, (char)b, (char)c, '\0' };
                                _cleanup_text_ struct text out = {};

                                status_markup_text(in, &out);
                                if (!is_character_data(text_peek(&out)))
                                        fail_msg("%02x %02x %02x: %s", a, b, c, text_peek(&out));
                        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_any_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
