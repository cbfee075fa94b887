/* SPDX-License-Identifier: MIT */
#pragma once
/* What is wrong, and what to do next: in the order in which it was found, which is that of likelihood. */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum doctor_level { DOCTOR_PROBLEM, DOCTOR_NOTE }; /* a note may be as it is meant to be */

struct doctor_finding {
        const char *check; /* the name of a row of checks.h */
        enum doctor_level level;
        struct text what, next; /* sentences; next: what to type */
};

struct doctor_findings {
        struct doctor_finding *items;
        size_t n;
        struct doctor_finding spare; /* what is written when there is no memory */
        bool failed;
};
void doctor_findings_done(struct doctor_findings *l);
#define _cleanup_findings_ _cleanup_(doctor_findings_done)

/* A fresh one, to be filled in. Never NULL; valid until the next one. */
struct doctor_finding *doctor_findings_add(struct doctor_findings *l, const char *check, enum doctor_level level);
size_t doctor_findings_count(const struct doctor_findings *l, enum doctor_level level);
