/* SPDX-License-Identifier: MIT */
/*
 * Mistakes of PHP's settings files. PHP says them on stderr, which is the journal, and goes on without what it could
 * not read; so they are looked for there. A file that has been written since may have none any more.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "doctor/collect.h"
#include "doctor/inierrors.h"
#include "doctor/journal.h"

#define INIERRORS_AGE (30 * 24 * 3600 * USEC_PER_SEC)

bool doctor_inierror_take(const char *line, char **ret_file) {
        static const char in[] = " in /", on[] = " on line ";
        const char *from = strstr(line, in), *to = NULL;

        if (!text_has_prefix(line, DOCTOR_INIERROR_HEAD "syntax error") || !from)
                return false;
        from += strlen(in) - 1;
        for (const char *next = from; (next = strstr(next, on)); next++)
                to = next; /* the file's name may have the words too */
        *ret_file = to ? strndup(from, (size_t)(to - from)) : NULL;
        return *ret_file != NULL;
}

static const char *inierrors_unit(struct doctor_facts *f, sd_journal *journal) {
        static const char field[] = "_SYSTEMD_UNIT=";
        const void *data;
        size_t n;

        if (sd_journal_get_data(journal, "_SYSTEMD_UNIT", &data, &n) < 0 || n < strlen(field))
                return "";
        return doctor_facts_print(f, "%.*s", (int)(n - strlen(field)), (const char *)data + strlen(field));
}

static bool inierrors_is_ours(const struct doctor_facts *f, const char *unit) {
        for (size_t i = 0; i < f->n_pools; i++)
                if (text_equal(f->pools[i].unit, unit))
                        return true;
        return false;
}

static void inierrors_take(struct doctor_facts *f, sd_journal *journal, const char *text, uint64_t written) {
        _cleanup_free_ char *file = NULL;
        const char *unit;
        struct stat st;

        if (*f->ini_error || !doctor_inierror_take(text, &file))
                return;
        if (stat(file, &st) < 0 ||
            (uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC + (uint64_t)st.st_mtim.tv_nsec / 1000 > written)
                return;
        unit = inierrors_unit(f, journal);
        if (!inierrors_is_ours(f, unit))
                return;
        f->ini_error = doctor_facts_keep(f, text + strlen(DOCTOR_INIERROR_HEAD));
        f->ini_unit = unit;
}

/* Not by units, of which there may be thousands. stdout: stderr too. */
void doctor_inierrors_collect(struct doctor_facts *f) {
        static const char *const matches[] = { "_TRANSPORT=stdout", "SYSLOG_IDENTIFIER=fpmd", NULL };

        doctor_journal_read(f, &(struct doctor_journal_reader){ matches, INIERRORS_AGE, inierrors_take });
}
