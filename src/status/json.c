/* SPDX-License-Identifier: MIT */
/*
 * The JSON page. Escapes are PHP's (slashes too), so the bytes equal php-fpm's, with one difference on purpose: bytes
 * that are not UTF-8 are shown as U+FFFD where php-fpm drops them silently.
 */

#include "status/json.h"

#include <string.h>

#include "base/utf8.h"
#include "status/fields.h"

static void string_code_point(uint32_t code, struct text *out) {
        if (code >= 0x10000) {
                code -= 0x10000;
                text_printf(out, "\\u%04x\\u%04x", 0xd800 | code >> 10, 0xdc00 | (code & 0x3ff));
        } else
                text_printf(out, "\\u%04x", code);
}

static void string_ascii(char c, struct text *out) {
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

static void string_body(const char *s, struct text *out) {
        while (*s) {
                uint32_t code = 0xfffd;
                size_t n;

                if ((unsigned char)*s < 0x80) {
                        string_ascii(*s++, out);
                        continue;
                }
                n = utf8_decode(s, &code);
                string_code_point(code, out);
                s += MAX(n, (size_t)1);
        }
}

void status_json_string(const char *s, struct text *out) {
        text_append_c(out, '"');
        string_body(s, out);
        text_append_c(out, '"');
}

static void render_fields(const struct status_value *values, size_t n, struct text *out) {
        for (size_t i = 0; i < n; i++) {
                const struct status_value *v = &values[i];
                const char *quote = v->kind == STATUS_TEXT || v->kind == STATUS_URI ? "\"" : "";

                text_printf(out, "%s\"%s\":%s", i > 0 ? "," : "", v->name, quote);
                status_fields_render(v, true, string_body, out);
                text_append(out, quote);
        }
}

static void render_workers(const struct status_snapshot *s, struct text *out) {
        text_append(out, ", \"processes\":[");
        for (uint32_t i = 0; i < s->n_workers; i++) {
                struct status_value values[STATUS_VALUES_MAX];

                text_append(out, i > 0 ? ",{" : "{");
                render_fields(values, status_fields_worker(s, &s->workers[i], values), out);
                text_append_c(out, '}');
        }
        text_append_c(out, ']');
}

void status_json_render(const struct status_snapshot *s, bool full, struct text *out) {
        struct status_value values[STATUS_VALUES_MAX];

        text_append_c(out, '{');
        render_fields(values, status_fields_pool(s, values), out);
        if (full)
                render_workers(s, out);
        text_append_c(out, '}');
}

void status_json_park(const struct status_snapshot *s, struct text *out) {
        static const char *const names[_SCOREBOARD_PARK_MAX] = {
#define X(field, name, kind, help) name,
                SCOREBOARD_PARK_NUMBERS(X)
#undef X
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                text_printf(out, "%s\"%s\":%llu", i > 0 ? "," : "{", names[i], (unsigned long long)s->park[i]);
        text_append_c(out, '}');
}
