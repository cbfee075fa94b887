/* SPDX-License-Identifier: MIT */
/* A list that grows; when it cannot, there is a place for words that nobody will read. */

#include "doctor/findings.h"

#include <stdlib.h>

static void findings_free(struct doctor_finding *f) {
        text_done(&f->what);
        text_done(&f->next);
}

void doctor_findings_done(struct doctor_findings *l) {
        for (size_t i = 0; i < l->n; i++)
                findings_free(&l->items[i]);
        free(l->items);
        findings_free(&l->spare);
        *l = (struct doctor_findings){};
}

struct doctor_finding *doctor_findings_add(struct doctor_findings *l, const char *check, enum doctor_level level) {
        struct doctor_finding *items = reallocarray(l->items, l->n + 1, sizeof(*items));

        if (!items) {
                l->failed = true;
                findings_free(&l->spare);
                l->spare = (struct doctor_finding){};
                return &l->spare;
        }
        l->items = items;
        items[l->n] = (struct doctor_finding){ .check = check, .level = level };
        return &items[l->n++];
}

size_t doctor_findings_count(const struct doctor_findings *l, enum doctor_level level) {
        size_t n = 0;

        for (size_t i = 0; i < l->n; i++)
                n += l->items[i].level == level;
        return n;
}
