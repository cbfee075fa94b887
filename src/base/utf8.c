/* SPDX-License-Identifier: MIT */
/* Strict: longer forms than needed, surrogates and what is beyond U+10FFFF are no UTF-8. A NUL ends a broken sequence
 * as any other byte does. */

#include "base/utf8.h"

/* Continuation bytes after a lead byte, and the smallest code point that needs so many (longer forms are no UTF-8). */
static int utf8_lead(unsigned char c, uint32_t *ret_bits, uint32_t *ret_min) {
        if (c >= 0xc2 && c <= 0xdf) {
                *ret_bits = c & 0x1f;
                *ret_min = 0x80;
                return 1;
        }
        if ((c & 0xf0) == 0xe0) {
                *ret_bits = c & 0x0f;
                *ret_min = 0x800;
                return 2;
        }
        if (c >= 0xf0 && c <= 0xf4) {
                *ret_bits = c & 0x07;
                *ret_min = 0x10000;
                return 3;
        }
        return -1;
}

size_t utf8_decode(const char *text, uint32_t *ret) {
        const unsigned char *s = (const unsigned char *)text;
        uint32_t code, min;
        int n;

        if (s[0] < 0x80) {
                *ret = s[0];
                return 1;
        }
        n = utf8_lead(s[0], &code, &min);
        if (n < 0)
                return 0;
        for (int i = 1; i <= n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (s[i] & 0x3f);
        }
        if (code < min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
                return 0;
        *ret = code;
        return (size_t)n + 1;
}
