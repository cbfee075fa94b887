/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <string.h>

#include "base/utf8.h"

static void json_code_point(uint32_t code, struct text *out) {
        if (code >= 0x10000) {
                code -= 0x10000;
                text_printf(out, "\\u%04x\\u%04x", 0xd800 | code >> 10, 0xdc00 | (code & 0x3ff));
        } else
                text_printf(out, "\\u%04x", code);
}

static void json_ascii(char c, struct text *out) {
        static const char special[] = "\"\\/\b\f\n\r\t", escaped[] = "\"\\/bfnrt";
        const char *p = strchr(special, c);

        if (p) {
                text_append_c(out, '\\');
                text_append_c(out, escaped[p - special]);
        } else if ((unsigned char)c < 0x20)
                text_printf(out, "\\u%04x", (unsigned char)c);
        else
                text_append_c(out, c);
}

void json_escape(const char *s, struct text *out) {
        while (*s) {
                uint32_t code = 0xfffd;
                size_t n;

                if ((unsigned char)*s < 0x80) {
                        json_ascii(*s++, out);
                        continue;
                }
                n = utf8_decode(s, &code);
                json_code_point(code, out);
                s += MAX(n, (size_t)1);
        }
}

void json_string(const char *s, struct text *out) {
        text_append_c(out, '"');
        json_escape(s, out);
        text_append_c(out, '"');
}
