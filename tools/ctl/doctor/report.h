/* SPDX-License-Identifier: MIT */
#pragma once
/* What the doctor says, for people and for programs. */

#include "doctor/facts.h"
#include "doctor/findings.h"

void doctor_report_text(const struct doctor_facts *f, const struct doctor_findings *l, struct text *out);
void doctor_report_json(const struct doctor_facts *f, const struct doctor_findings *l, struct text *out);
