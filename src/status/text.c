/* SPDX-License-Identifier: MIT */
/*
 * The text page. Labels, their order and the column are php-fpm's, byte for byte. One thing differs on purpose: a
 * control character in a URI or a script's name is written as \xNN, since a line break there could forge any other
 * line.
 *
 * A worker renders this after scripts may have called setlocale(): nothing here may depend on the locale.
 */

#include "status/text.h"

#include "base/printable.h"
#include "status/fields.h"

/* Where values begin. */
#define STATUS_TEXT_COLUMN 22

void status_text_clean(const char *s, struct text *out) {
        if (s[0] == '\0')
                text_append_c(out, '-');
        printable_append(out, s, SIZE_MAX, PRINTABLE_TERMINAL);
}

void status_text_lines(const char *s, unsigned indent, struct text *out) {
        const char *line;
        size_t n;

        for (unsigned i = 0; (line = text_word(&s, "\n", &n)); i++) {
                _cleanup_text_ struct text one = {};

                text_append_n(&one, line, n);
                if (i > 0)
                        text_printf(out, "\n%*s", (int)indent, "");
                status_text_clean(text_peek(&one), out);
                out->failed |= one.failed;
        }
        text_append_c(out, '\n');
}

static void text_line(const struct status_value *v, struct text *out) {
        size_t begin = out->n;

        text_append(out, v->kind == STATUS_URI ? "request URI" : v->name); /* in capitals here alone */
        text_printf(out, ":%*s", (int)(STATUS_TEXT_COLUMN - 1 - MIN(out->n - begin, (size_t)STATUS_TEXT_COLUMN - 1)),
                    "");
        status_fields_render(v, false, status_text_clean, out);
        text_append_c(out, '\n');
}

static void text_render_fields(const struct status_value *values, size_t n, struct text *out) {
        for (size_t i = 0; i < n; i++)
                text_line(&values[i], out);
}

void status_text_render(const struct status_snapshot *s, struct text *out) {
        struct status_value values[STATUS_VALUES_MAX];

        text_render_fields(values, status_fields_pool(s, values), out);
        for (uint32_t i = 0; i < s->n_workers; i++) {
                text_append(out, "\n************************\n");
                text_render_fields(values, status_fields_worker(s, &s->workers[i], values), out);
        }
}
