/* SPDX-License-Identifier: MIT */
/*
 * The JSON page. Strings are as PHP writes them (base/json.h), so the bytes equal php-fpm's, with one difference on
 * purpose: bytes that are not UTF-8 are shown as U+FFFD where php-fpm drops them silently.
 */

#include "status/json.h"

#include <string.h>

#include "base/json.h"
#include "status/fields.h"

static void json_render_fields(const struct status_value *values, size_t n, struct text *out) {
        for (size_t i = 0; i < n; i++) {
                const struct status_value *v = &values[i];
                const char *quote = v->kind == STATUS_TEXT || v->kind == STATUS_URI ? "\"" : "";

                text_printf(out, "%s\"%s\":%s", i > 0 ? "," : "", v->name, quote);
                status_fields_render(v, true, json_escape, out);
                text_append(out, quote);
        }
}

static void json_render_workers(const struct status_snapshot *s, struct text *out) {
        text_append(out, ", \"processes\":[");
        for (uint32_t i = 0; i < s->n_workers; i++) {
                struct status_value values[STATUS_VALUES_MAX];

                text_append(out, i > 0 ? ",{" : "{");
                json_render_fields(values, status_fields_worker(s, &s->workers[i], values), out);
                text_append_c(out, '}');
        }
        text_append_c(out, ']');
}

void status_json_render(const struct status_snapshot *s, bool full, struct text *out) {
        struct status_value values[STATUS_VALUES_MAX];

        text_append_c(out, '{');
        json_render_fields(values, status_fields_pool(s, values), out);
        if (full)
                json_render_workers(s, out);
        text_append_c(out, '}');
}

/* An object of n numbers. */
static void json_render_numbers(const char *const *names, const uint64_t *values, size_t n, struct text *out) {
        for (size_t i = 0; i < n; i++)
                text_printf(out, "%s\"%s\":%llu", i > 0 ? "," : "{", names[i], (unsigned long long)values[i]);
        text_append_c(out, '}');
}

#define NAME(field, name, ...) name,

void status_json_overload(const struct status_snapshot *s, struct text *out) {
        static const char *const names[_SCOREBOARD_OVERLOAD_MAX] = { SCOREBOARD_OVERLOAD_NUMBERS(NAME) };

        json_render_numbers(names, s->overload, ELEMENTSOF(names), out);
}

void status_json_denied(const struct status_snapshot *s, struct text *out) {
        static const char *const names[_SCOREBOARD_DENIED_MAX] = { SCOREBOARD_DENIED_NUMBERS(NAME) };

        json_render_numbers(names, s->denied, ELEMENTSOF(names), out);
}

void status_json_park(const struct status_snapshot *s, struct text *out) {
        static const char *const names[_SCOREBOARD_PARK_MAX] = { SCOREBOARD_PARK_NUMBERS(NAME) };

        json_render_numbers(names, s->park, ELEMENTSOF(names), out);
}
