/* SPDX-License-Identifier: MIT */
/* Texts come from files that others may write: control characters are made harmless. */

#include "doctor/report.h"

#include "base/json.h"
#include "status/text.h"

#define REPORT_INDENT 5

static void report_put_finding(const struct doctor_finding *found, size_t number, struct text *out) {
        text_printf(out, "%2zu. %s", number, found->level == DOCTOR_NOTE ? "(note) " : "");
        status_text_lines(text_peek(&found->what), REPORT_INDENT, out);
        text_append(out, "    Next: ");
        status_text_lines(text_peek(&found->next), REPORT_INDENT, out);
}

void doctor_report_text(const struct doctor_facts *f, const struct doctor_findings *l, struct text *out) {
        size_t problems = doctor_findings_count(l, DOCTOR_PROBLEM);

        for (size_t i = 0; i < l->n; i++)
                report_put_finding(&l->items[i], i + 1, out);
        if (f->n_unseen > 0)
                text_printf(out, "%sNot looked at:\n", l->n > 0 ? "\n" : "");
        for (size_t i = 0; i < f->n_unseen; i++) {
                text_append(out, "  ");
                status_text_clean(f->unseen[i].what, out);
                text_append(out, ": ");
                status_text_clean(f->unseen[i].why, out);
                text_append_c(out, '\n');
        }
        if (problems > 0)
                text_printf(out, "%s%zu problem%s, the likeliest first.\n", l->n + f->n_unseen > 0 ? "\n" : "",
                            problems, problems == 1 ? "" : "s");
        else
                text_printf(out, "%sNothing wrong found: %zu pool%s, %zu address%s of web servers.\n",
                            l->n + f->n_unseen > 0 ? "\n" : "", f->n_pools, f->n_pools == 1 ? "" : "s", f->n_backends,
                            f->n_backends == 1 ? "" : "es");
}

static void report_put_pair(const char *key, const char *value, struct text *out) {
        text_printf(out, "\"%s\":", key);
        json_string(value, out);
        text_append_c(out, ',');
}

void doctor_report_json(const struct doctor_facts *f, const struct doctor_findings *l, struct text *out) {
        text_append(out, "{\"findings\":[");
        for (size_t i = 0; i < l->n; i++) {
                const struct doctor_finding *found = &l->items[i];

                text_append(out, i > 0 ? ",{" : "{");
                report_put_pair("check", found->check, out);
                report_put_pair("level", found->level == DOCTOR_NOTE ? "note" : "problem", out);
                report_put_pair("what", text_peek(&found->what), out);
                report_put_pair("next", text_peek(&found->next), out);
                out->n--; /* the last comma */
                text_append_c(out, '}');
        }
        text_append(out, "],\"unseen\":[");
        for (size_t i = 0; i < f->n_unseen; i++) {
                text_append(out, i > 0 ? ",{" : "{");
                report_put_pair("what", f->unseen[i].what, out);
                report_put_pair("why", f->unseen[i].why, out);
                out->n--;
                text_append_c(out, '}');
        }
        text_append(out, "]}\n");
}
