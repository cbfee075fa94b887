/* SPDX-License-Identifier: MIT */
#include "doctor/journal.h"

#include <glob.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define JOURNAL_ENTRIES 100000U /* that are looked at */
#define JOURNAL_MESSAGE "MESSAGE="

/* Who is not root and not of systemd-journal's group gets an empty journal, not an error. */
static bool journal_may_read(void) {
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

static void journal_take(struct doctor_facts *f, sd_journal *journal, const struct doctor_journal_reader *reader,
                         uint64_t written) {
        _cleanup_text_ struct text text = {};
        const void *data;
        size_t n;

        if (sd_journal_get_data(journal, "MESSAGE", &data, &n) < 0 || n < strlen(JOURNAL_MESSAGE))
                return;
        text_append_n(&text, (const char *)data + strlen(JOURNAL_MESSAGE), n - strlen(JOURNAL_MESSAGE));
        f->failed |= text.failed;
        reader->fn(f, journal, text_peek(&text), written);
}

static int journal_read(struct doctor_facts *f, sd_journal *journal, const struct doctor_journal_reader *reader) {
        struct timespec now;
        uint64_t since, at;
        int r = 0;

        clock_gettime(CLOCK_REALTIME, &now);
        since = (uint64_t)now.tv_sec * USEC_PER_SEC - reader->age;
        for (size_t i = 0; r >= 0 && reader->matches[i]; i++)
                r = sd_journal_add_match(journal, reader->matches[i], 0);
        if (r >= 0)
                r = sd_journal_seek_tail(journal);
        for (unsigned i = 0; r >= 0 && i < JOURNAL_ENTRIES && (r = sd_journal_previous(journal)) > 0; i++) {
                if (sd_journal_get_realtime_usec(journal, &at) < 0 || at < since)
                        break;
                journal_take(f, journal, reader, at);
        }
        return r;
}

void doctor_journal_read(struct doctor_facts *f, const struct doctor_journal_reader *reader) {
        sd_journal *journal = NULL;
        int r;

        if (!journal_may_read()) {
                doctor_facts_unseen(f, "the journal", "ask as root, or as one of the group systemd-journal");
                return;
        }
        r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r >= 0)
                r = journal_read(f, journal, reader);
        if (r < 0)
                doctor_facts_unseen(f, "the journal", strerror(-r));
        sd_journal_close(journal);
}
