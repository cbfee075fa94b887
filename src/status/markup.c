/* SPDX-License-Identifier: MIT */
/*
 * Escapes are php-fpm's: the quote but not the apostrophe. php-fpm shows nothing of a query that is not UTF-8; here
 * each byte that is none becomes U+FFFD, as on the JSON page. A query cut at its room may end inside a character.
 */

#include "status/markup.h"

#include "base/utf8.h"

static bool markup_has_character(uint32_t code) {
        if (code < 0x20)
                return code == '\t' || code == '\n' || code == '\r';
        return code != 0xfffe && code != 0xffff; /* XML 1.0, section 2.2 */
}

static void markup_character(const char *s, size_t n, struct text *out) {
        switch (*s) {
        case '&':
                text_append(out, "&amp;");
                break;
        case '<':
                text_append(out, "&lt;");
                break;
        case '>':
                text_append(out, "&gt;");
                break;
        case '"':
                text_append(out, "&quot;");
                break;
        default:
                text_append_n(out, s, n);
        }
}

void status_markup_text(const char *s, struct text *out) {
        while (*s) {
                uint32_t code;
                size_t n = utf8_decode(s, &code);

                if (n == 0 || !markup_has_character(code))
                        text_append(out, UTF8_REPLACEMENT);
                else
                        markup_character(s, n, out);
                s += MAX(n, (size_t)1);
        }
}
