/* SPDX-License-Identifier: MIT */
#pragma once
/* This machine's journal, read from its end. */

#include <stddef.h>
#include <systemd/sd-journal.h>

#include "doctor/facts.h"

/* fn gets the text of each entry, from the youngest, and when it was written (usec since the epoch). */
struct doctor_journal_reader {
        const char *const *matches; /* "FIELD=VALUE" in systemd's order of and and or; NULL ends them */
        uint64_t age;               /* usec: older entries are not read */
        void (*fn)(struct doctor_facts *f, sd_journal *journal, const char *text, uint64_t written);
};

void doctor_journal_read(struct doctor_facts *f, const struct doctor_journal_reader *reader);
