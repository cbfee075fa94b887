/* SPDX-License-Identifier: MIT */
/* The XML page, php-fpm's bytes for the same numbers; what may stand in an element is decided in markup.c. */

#include "status/xml.h"

#include "status/fields.h"
#include "status/markup.h"

static void xml_render_fields(const struct status_value *values, size_t n, const char *end, struct text *out) {
        for (size_t i = 0; i < n; i++) {
                char buf[STATUS_NAME_MAX];
                const char *name = status_fields_dashed(values[i].name, buf);

                text_printf(out, "<%s>", name);
                status_fields_render(&values[i], true, status_markup_text, out);
                text_printf(out, "</%s>%s", name, end);
        }
}

static void xml_render_workers(const struct status_snapshot *s, struct text *out) {
        text_append(out, "<processes>\n");
        for (uint32_t i = 0; i < s->n_workers; i++) {
                struct status_value values[STATUS_VALUES_MAX];

                text_append(out, "<process>");
                xml_render_fields(values, status_fields_worker(s, &s->workers[i], values), "", out);
                text_append(out, "</process>\n");
        }
        text_append(out, "</processes>\n");
}

void status_xml_render(const struct status_snapshot *s, bool full, struct text *out) {
        struct status_value values[STATUS_VALUES_MAX];

        text_append(out, "<?xml version=\"1.0\" ?>\n<status>\n");
        xml_render_fields(values, status_fields_pool(s, values), "\n", out);
        if (full)
                xml_render_workers(s, out);
        text_append(out, "</status>");
}
