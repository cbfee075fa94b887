/* SPDX-License-Identifier: MIT */
#pragma once
/* What looks at the machine, a file for each kind of thing. None changes anything or wakes a service; what cannot be
 * looked at goes into the facts' list of that. */

#include <limits.h>

#include "doctor/facts.h"

/* Where to look, when it is not where Debian has it; NULL: there. */
struct doctor_places {
        const char *config, *nginx, *apache, *caddy, *php_ini_dir;
};

void doctor_units_collect(struct doctor_facts *f);
/* Units of pools to which a web server sends requests, where systemd has not loaded them: they are off. */
void doctor_units_collect_wanted(struct doctor_facts *f);
void doctor_pools_collect(struct doctor_facts *f, const char *config);
void doctor_webservers_collect(struct doctor_facts *f, const struct doctor_places *places);
/* Backends' addresses that are links. */
void doctor_links_collect(struct doctor_facts *f);
void doctor_sockets_collect(struct doctor_facts *f);
void doctor_reach_collect(struct doctor_facts *f);
/* Whether the user may read a file; the part of its path that is closed, into ret. */
enum doctor_answer doctor_reach_may_read(const char *user, const char *path, char ret[static PATH_MAX]);
void doctor_processes_collect(struct doctor_facts *f);
void doctor_opcache_collect(struct doctor_facts *f, const char *php_ini_dir);
void doctor_machine_collect(struct doctor_facts *f);
void doctor_denials_collect(struct doctor_facts *f);
void doctor_inierrors_collect(struct doctor_facts *f);
