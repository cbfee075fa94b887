/* SPDX-License-Identifier: MIT */
/* The HTML page, php-fpm's bytes for the same numbers; what may stand in a cell is decided in markup.c. */

#include "status/html.h"

#include "status/fields.h"
#include "status/markup.h"

static const char head[] = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" "
                           "\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\n"
                           "<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n"
                           "<head><title>PHP-FPM Status Page</title></head>\n"
                           "<body>\n";

static void html_render_row(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        struct status_value values[STATUS_VALUES_MAX];
        size_t n = status_fields_worker(s, w, values);

        text_append(out, "<tr>");
        for (size_t i = 0; i < n; i++) {
                text_append(out, "<td>");
                status_fields_render(&values[i], false, status_markup_text, out);
                text_append(out, "</td>");
        }
        text_append(out, "</tr>\n");
}

/* The names do not depend on the worker: a table without workers has its head, too. */
static void html_render_head(const struct status_snapshot *s, struct text *out) {
        static const struct scoreboard_slot nobody;
        struct status_value values[STATUS_VALUES_MAX];
        size_t n = status_fields_worker(s, &nobody, values);

        text_append(out, "<tr>");
        for (size_t i = 0; i < n; i++)
                text_printf(out, "<th>%s</th>", values[i].name);
        text_append(out, "</tr>\n");
}

void status_html_render(const struct status_snapshot *s, bool full, struct text *out) {
        struct status_value values[STATUS_VALUES_MAX];
        size_t n = status_fields_pool(s, values);

        text_append(out, head);
        text_append(out, "<table>\n");
        for (size_t i = 0; i < n; i++) {
                text_printf(out, "<tr><th>%s</th><td>", values[i].name);
                status_fields_render(&values[i], false, status_markup_text, out);
                text_append(out, "</td></tr>\n");
        }
        text_append(out, "</table>\n");
        if (full) {
                text_append(out, "<table border=\"1\">\n");
                html_render_head(s, out);
                for (uint32_t i = 0; i < s->n_workers; i++)
                        html_render_row(s, &s->workers[i], out);
                text_append(out, "</table>");
        }
        text_append(out, "</body></html>");
}
