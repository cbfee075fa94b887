/* SPDX-License-Identifier: MIT */
#pragma once
/* What several checks ask of units. */

#include "doctor/facts.h"

/* "fpmd@NAME.socket" of "fpmd@NAME.service"; NULL: not known. */
const struct doctor_unit *doctor_unitstate_socket(const struct doctor_facts *f, const char *service);

/* u: may be NULL, which is not up. */
bool doctor_unitstate_is_up(const struct doctor_unit *u);

/* The service is up, or its socket unit. */
bool doctor_unitstate_runs(const struct doctor_facts *f, const char *service);

/* Somebody listens for a pool of that service: by a socket unit of another name, where these are not up. */
bool doctor_unitstate_listens(const struct doctor_facts *f, const char *service);
