/* SPDX-License-Identifier: MIT */
/* What AppArmor or SELinux has denied to fpmd in the last day, as the kernel's audit lines in the journal have it. */

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "doctor/collect.h"

#define DENIALS_SINCE   (24 * 3600 * USEC_PER_SEC)
#define DENIALS_ENTRIES 100000U /* that are looked at */

/* Who is not root and not of systemd-journal's group gets an empty journal, not an error. */
static bool denials_may_read(void) {
        static const char *const patterns[] = { "/var/log/journal/*/system.journal",
                                                "/run/log/journal/*/system.journal" };
        bool may = geteuid() == 0;

        for (size_t i = 0; i < ELEMENTSOF(patterns) && !may; i++) {
                glob_t found = {};

                if (glob(patterns[i], 0, NULL, &found) == 0)
                        may = access(found.gl_pathv[0], R_OK) == 0;
                globfree(&found);
        }
        return may;
}

static void denials_take(struct doctor_facts *f, sd_journal *journal) {
        const void *data;
        size_t n;

        if (sd_journal_get_data(journal, "MESSAGE", &data, &n) < 0 || !memmem(data, n, "fpmd", strlen("fpmd")))
                return;
        if (!memmem(data, n, "DENIED", strlen("DENIED")) && !memmem(data, n, "denied", strlen("denied")))
                return;
        if (f->n_denials++ == 0)
                f->denial = doctor_facts_print(f, "%.*s", (int)(n - strlen("MESSAGE=")),
                                               (const char *)data + strlen("MESSAGE="));
}

/* From the youngest. */
static int denials_read(struct doctor_facts *f, sd_journal *journal) {
        struct timespec now;
        uint64_t since, at;
        int r;

        clock_gettime(CLOCK_REALTIME, &now);
        since = (uint64_t)now.tv_sec * USEC_PER_SEC - DENIALS_SINCE;
        r = sd_journal_add_match(journal, "_TRANSPORT=audit", 0);
        if (r >= 0)
                r = sd_journal_add_match(journal, "_TRANSPORT=kernel", 0);
        if (r >= 0)
                r = sd_journal_seek_tail(journal);
        for (unsigned i = 0; r >= 0 && i < DENIALS_ENTRIES && (r = sd_journal_previous(journal)) > 0; i++) {
                if (sd_journal_get_realtime_usec(journal, &at) < 0 || at < since)
                        break;
                denials_take(f, journal);
        }
        return r;
}

void doctor_denials_collect(struct doctor_facts *f) {
        sd_journal *journal = NULL;
        int r;

        if (!denials_may_read()) {
                doctor_facts_unseen(f, "the journal", "ask as root, or as one of the group systemd-journal");
                return;
        }
        r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r >= 0)
                r = denials_read(f, journal);
        if (r < 0)
                doctor_facts_unseen(f, "the journal", strerror(-r));
        sd_journal_close(journal);
}
