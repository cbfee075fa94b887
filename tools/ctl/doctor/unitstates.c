/* SPDX-License-Identifier: MIT */
#include "doctor/unitstates.h"

#include <string.h>

#include "base/text.h"
#include "doctor/unitnames.h"

const struct doctor_unit *doctor_unitstate_socket(const struct doctor_facts *f, const char *service) {
        _cleanup_text_ struct text name = {};

        return doctor_unitname_put_socket(service, &name) ? doctor_facts_find_unit(f, text_peek(&name)) : NULL;
}

bool doctor_unitstate_is_up(const struct doctor_unit *u) {
        return u && (text_equal(u->active, "active") || text_equal(u->active, "reloading") ||
                     text_equal(u->active, "activating"));
}

bool doctor_unitstate_runs(const struct doctor_facts *f, const char *service) {
        return doctor_unitstate_is_up(doctor_facts_find_unit(f, service)) ||
               doctor_unitstate_is_up(doctor_unitstate_socket(f, service));
}

bool doctor_unitstate_listens(const struct doctor_facts *f, const char *service) {
        for (size_t i = 0; i < f->n_pools; i++)
                if (text_equal(f->pools[i].unit, service) && (f->pools[i].socket.holder == DOCTOR_HOLDER_FPMD ||
                                                              f->pools[i].socket.holder == DOCTOR_HOLDER_OTHER))
                        return true;
        return doctor_unitstate_runs(f, service);
}
