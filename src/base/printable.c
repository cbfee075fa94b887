/* SPDX-License-Identifier: MIT */
#include "base/printable.h"

#include <string.h>

#include "base/utf8.h"

/* Bytes of the character at s, of which n are there, or 0 when they are no UTF-8. */
static size_t printable_character(const char *s, size_t n, uint32_t *ret_code) {
        char copy[5] = {}; /* the longest character, and its end */

        memcpy(copy, s, n < sizeof(copy) - 1 ? n : sizeof(copy) - 1);
        return utf8_decode(copy, ret_code);
}

static bool printable_is_control(uint32_t code, enum printable where) {
        if (code == '\t')
                return where == PRINTABLE_TERMINAL;
        return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

static void printable_escape(struct text *out, unsigned char c) {
        if (c == '\n')
                text_append(out, "\\n");
        else if (c == '\r')
                text_append(out, "\\r");
        else
                text_printf(out, "\\x%02x", c);
}

void printable_append(struct text *out, const char *s, size_t n, enum printable where) {
        const char *end = s + strnlen(s, n), *plain = s;

        while (s < end) {
                uint32_t code = (unsigned char)*s;
                size_t k = code < 0x80 ? 1 : printable_character(s, (size_t)(end - s), &code);
                bool shown = k > 0 ? !printable_is_control(code, where) : where == PRINTABLE_LOG;

                k = MAX(k, (size_t)1);
                if (shown) {
                        s += k;
                        continue;
                }
                text_append_n(out, plain, (size_t)(s - plain));
                for (; k > 0; k--)
                        printable_escape(out, (unsigned char)*s++);
                plain = s;
        }
        text_append_n(out, plain, (size_t)(end - plain));
}
