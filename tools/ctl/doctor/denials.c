/* SPDX-License-Identifier: MIT */
/* What AppArmor or SELinux has denied to fpmd in the last day, as the kernel's audit lines in the journal have it. */

#include <string.h>

#include "base/text.h"
#include "doctor/collect.h"
#include "doctor/journal.h"

#define DENIALS_AGE (24 * 3600 * USEC_PER_SEC)

static void denials_take(struct doctor_facts *f, _unused_ sd_journal *journal, const char *text,
                         _unused_ uint64_t written) {
        if (!strstr(text, "fpmd") || (!strstr(text, "DENIED") && !strstr(text, "denied")))
                return;
        if (f->n_denials++ == 0)
                f->denial = doctor_facts_keep(f, text);
}

void doctor_denials_collect(struct doctor_facts *f) {
        static const char *const matches[] = { "_TRANSPORT=audit", "_TRANSPORT=kernel", NULL };

        doctor_journal_read(f, &(struct doctor_journal_reader){ matches, DENIALS_AGE, denials_take });
}
