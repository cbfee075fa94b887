/* SPDX-License-Identifier: MIT */
/* What is wrong most often comes first: nothing starts, then nobody is reached, then something is refused, then it is
 * slow. */

#include "doctor/checks.h"

static const doctor_check checks[] = {
        doctor_limit_check_room,    doctor_unit_check_config,   doctor_unit_check_states,   doctor_web_check_addresses,
        doctor_web_check_rights,    doctor_socket_check_all,    doctor_life_check_health,   doctor_web_check_roots,
        doctor_limit_check_ini,     doctor_life_check_settings, doctor_socket_check_reload, doctor_life_check_reload,
        doctor_limit_check_queues,  doctor_life_check_busy,     doctor_limit_check_files,   doctor_limit_check_memory,
        doctor_limit_check_opcache, doctor_limit_check_strings, doctor_limit_check_denials, doctor_life_check_counters,
        doctor_limit_check_backlog, doctor_web_check_use,       doctor_limit_check_beside,  doctor_unit_check_off,
};

/* Problems before notes, and else as they were: there are few. */
static void checks_sort(struct doctor_findings *l) {
        for (size_t i = 1; i < l->n; i++)
                for (size_t k = i; k > 0 && l->items[k].level < l->items[k - 1].level; k--) {
                        struct doctor_finding moved = l->items[k];

                        l->items[k] = l->items[k - 1];
                        l->items[k - 1] = moved;
                }
}

void doctor_checks_run(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < ELEMENTSOF(checks); i++)
                checks[i](f, out);
        checks_sort(out);
}
