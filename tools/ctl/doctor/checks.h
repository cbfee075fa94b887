/* SPDX-License-Identifier: MIT */
#pragma once
/* Checks: pure functions from facts to findings. THE table in checks.c has them in order of likelihood; what a check
 * cannot tell from the facts it does not say. */

#include "doctor/facts.h"
#include "doctor/findings.h"

typedef void (*doctor_check)(const struct doctor_facts *f, struct doctor_findings *out);

/* All of them; notes come last. */
void doctor_checks_run(const struct doctor_facts *f, struct doctor_findings *out);

/* The checks, by file. */
void doctor_unit_check_config(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_unit_check_states(const struct doctor_facts *f, struct doctor_findings *out);
/* What may be off on purpose: as long as it is, it is told after all else. */
void doctor_unit_check_off(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_socket_check_all(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_socket_check_reload(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_web_check_addresses(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_web_check_rights(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_web_check_roots(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_web_check_use(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_life_check_health(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_life_check_reload(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_life_check_busy(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_life_check_settings(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_life_check_counters(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_limit_check_room(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_limit_check_queues(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_limit_check_files(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_limit_check_memory(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_limit_check_backlog(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_limit_check_opcache(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_limit_check_strings(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_limit_check_ini(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_limit_check_denials(const struct doctor_facts *f, struct doctor_findings *out);
void doctor_limit_check_beside(const struct doctor_facts *f, struct doctor_findings *out);
