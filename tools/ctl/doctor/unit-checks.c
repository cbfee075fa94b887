/* SPDX-License-Identifier: MIT */
/* The configuration, and units. */

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"
#include "doctor/unitnames.h"
#include "doctor/unitstates.h"

void doctor_unit_check_config(const struct doctor_facts *f, struct doctor_findings *out) {
        struct doctor_finding *found;

        if (!*f->config_problems)
                return;
        found = doctor_findings_add(out, "configuration", DOCTOR_PROBLEM);
        text_printf(&found->what, "The configuration has mistakes, with which fpmd does not start or reload:\n%s",
                    f->config_problems);
        text_printf(&found->next, "mend them; \"fpmd -t\" says whether any are left");
}

/* No pool has the unit, or the socket unit of a service that is its own. */
static bool unit_check_is_spare(const struct doctor_facts *f, const struct doctor_unit *u) {
        for (size_t i = 0; i < f->n_pools; i++)
                if (text_equal(f->pools[i].unit, u->name) || doctor_unitstate_socket(f, f->pools[i].unit) == u)
                        return false;
        return f->n_pools > 0;
}

/* One of ours that failed at each of many starts gets no more of them until that is forgotten. */
static void unit_check_put_start(const struct doctor_unit *u, struct text *out) {
        size_t n = strlen(u->name);

        if (text_has_prefix(u->name, "fpmd@") || text_has_prefix(u->name, "fpmd.")) {
                n -= text_has_suffix(u->name, ".socket") ? strlen(".socket") : strlen(".service");
                text_printf(out, "systemctl reset-failed %.*s.service and ", (int)n, u->name);
        }
        text_printf(out, "systemctl start %s", u->name);
}

/* Why the service of a pool's own has failed: the part of its file's path that its user may not open, or NULL. */
static const struct doctor_pool *unit_check_closed(const struct doctor_facts *f, const struct doctor_unit *u) {
        for (size_t i = 0; i < f->n_pools; i++)
                if (text_equal(f->pools[i].unit, u->name) && *f->pools[i].file_obstacle)
                        return &f->pools[i];
        return NULL;
}

static void unit_check_put_closed(const struct doctor_pool *p, const struct doctor_unit *u,
                                  struct doctor_finding *found) {
        bool is_file = text_equal(p->file_obstacle, p->file);

        text_printf(&found->what, ": its user %s cannot read the pool's file %s%s%s", *p->user ? p->user : u->user,
                    p->file, is_file ? "" : ", since it is not let into ", is_file ? "" : p->file_obstacle);
        text_printf(&found->next, "chmod a+r%s %s, or give it to a group of that user and chmod g+r%s; then ",
                    is_file ? "" : "x", p->file_obstacle, is_file ? "" : "x");
        unit_check_put_start(u, &found->next);
}

/* To start a spare one may stop what has its address now. */
static void unit_check_failed(const struct doctor_facts *f, const struct doctor_unit *u, struct doctor_findings *out) {
        bool spare = unit_check_is_spare(f, u);
        struct doctor_finding *found = doctor_findings_add(out, "unit", spare ? DOCTOR_NOTE : DOCTOR_PROBLEM);
        const struct doctor_pool *closed = unit_check_closed(f, u);

        text_printf(&found->what, "%s has failed (%s)%s", u->name, *u->result ? u->result : "no reason is known",
                    spare ? ", and no pool is its own" : "");
        if (closed)
                unit_check_put_closed(closed, u, found);
        else if (spare)
                text_printf(&found->next, "systemctl %s %s",
                            text_has_prefix(u->enabled, "enabled") ? "disable --now" : "reset-failed", u->name);
        else if (u->is_changed_on_disk) { /* else it is started as it was, with the mistake */
                text_append(&found->next, "systemctl daemon-reload, as what the unit is made of has been changed since "
                                          "it failed; then ");
                unit_check_put_start(u, &found->next);
                text_printf(&found->next, ", or journalctl -u %s -x -e, which says why it failed", u->name);
        } else {
                text_printf(&found->next, "journalctl -u %s -x -e says why; after that is mended, %s", u->name,
                            doctor_unitname_remake(u->name));
                unit_check_put_start(u, &found->next);
        }
}

/* Between its end and the next start there are moments of other states; systemctl stop has "stop-sigterm". */
static bool unit_check_is_looping(const struct doctor_unit *u) {
        if (text_equal(u->active, "activating"))
                return text_has_prefix(u->sub, "auto-restart") || u->restarts > 0;
        return text_equal(u->active, "deactivating") && u->restarts > 0 &&
               (text_has_prefix(u->sub, "final-") || text_has_prefix(u->sub, "stop-post"));
}

/* Whether it goes on the number does not say. */
static void unit_check_restarts(const struct doctor_unit *u, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "unit", DOCTOR_NOTE);

        text_printf(&found->what,
                    "%s has failed %" PRIu64 " time%s since somebody has started it, and systemd has started it again: "
                    "502 for each request that it had",
                    u->name, u->restarts, u->restarts == 1 ? "" : "s");
        text_printf(&found->next, "journalctl -u %s -x -p warning says why", u->name);
}

static void unit_check_loop(const struct doctor_unit *u, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "unit", DOCTOR_PROBLEM);

        text_printf(&found->what, "%s ends while it starts, and systemd starts it again", u->name);
        if (u->restarts > 0)
                text_printf(&found->what, ", %" PRIu64 " time%s so far", u->restarts, u->restarts == 1 ? "" : "s");
        text_append(&found->what, ": its clients wait: 504");
        text_printf(&found->next, "journalctl -u %s -x -e says why; after that is mended, %ssystemctl restart %s",
                    u->name, doctor_unitname_remake(u->name), u->name);
}

/* systemd made an instance of its pool's file, which a reload of the service reads by itself. */
static void unit_check_changed_instance(const struct doctor_facts *f, const struct doctor_unit *u,
                                        struct doctor_findings *out) {
        const struct doctor_unit *socket = doctor_unitstate_socket(f, u->name);
        struct doctor_finding *found;

        if (!socket) /* it is the socket itself: told with its service */
                return;
        found = doctor_findings_add(out, "unit", DOCTOR_NOTE);
        text_printf(&found->what,
                    "The file of which systemd made %s, or a drop-in of it, has been changed since: a new user or "
                    "listen does not act yet",
                    u->name);
        text_printf(&found->next,
                    "systemctl daemon-reload; after a change of the user or a drop-in systemctl restart %s too, after "
                    "one of listen systemctl restart %s",
                    u->name, socket->name);
}

static void unit_check_changed(const struct doctor_facts *f, const struct doctor_unit *u, struct doctor_findings *out) {
        struct doctor_finding *found;

        if (text_has_prefix(u->name, "fpmd@")) {
                unit_check_changed_instance(f, u, out);
                return;
        }
        found = doctor_findings_add(out, "unit", DOCTOR_PROBLEM);
        text_printf(&found->what, "%s, or a drop-in of it, has been changed since systemd read it", u->name);
        text_printf(&found->next, "systemctl daemon-reload, then systemctl restart %s", u->name);
}

static void unit_check_user(const struct doctor_facts *f, const struct doctor_unit *u, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "user", DOCTOR_PROBLEM);

        text_printf(&found->what, "%s is to run as user '%s', and there is no such user: it does not start", u->name,
                    u->user);
        for (size_t i = 0; i < f->n_pools; i++)
                if (text_has_prefix(u->name, "fpmd@") && text_equal(f->pools[i].unit, u->name)) {
                        text_printf(&found->next, "make the user, or name another in %s; then systemctl daemon-reload",
                                    f->pools[i].file);
                        return;
                }
        text_printf(&found->next, "make the user, or User= of another by systemctl edit %s", u->name);
}

/* Told once, with the socket where that is up. */
static void unit_check_gone(const struct doctor_facts *f, const struct doctor_unit *u, struct doctor_findings *out) {
        const struct doctor_unit *socket = doctor_unitstate_socket(f, u->name);
        const char *name = u->name + strlen("fpmd@");
        struct doctor_finding *found;

        if (!doctor_unitstate_is_up(u) || doctor_unitstate_is_up(socket))
                return;
        found = doctor_findings_add(out, "unit", DOCTOR_PROBLEM);
        text_printf(&found->what,
                    "%s is up, and the file of its pool has gone: it serves as it did, and cannot be started again",
                    u->name);
        text_printf(&found->next, "fpmctl disable %.*s, or bring the file back", (int)(strrchr(name, '.') - name),
                    name);
}

static void unit_check_unit(const struct doctor_facts *f, const struct doctor_unit *u, struct doctor_findings *out) {
        struct doctor_finding *found;

        if (text_equal(u->load, "masked")) {
                found = doctor_findings_add(out, "unit", DOCTOR_PROBLEM);
                text_printf(&found->what, "%s is masked, so nothing starts it", u->name);
                text_printf(&found->next, "systemctl unmask %s", u->name);
        } else if (text_equal(u->active, "failed"))
                unit_check_failed(f, u, out);
        else if (unit_check_is_looping(u))
                unit_check_loop(u, out);
        else if (text_equal(u->active, "active") && u->restarts > 0)
                unit_check_restarts(u, out);
        if (u->is_gone)
                unit_check_gone(f, u, out);
        else if (u->is_changed_on_disk && !text_equal(u->active, "failed"))
                unit_check_changed(f, u, out);
        if (u->has_user == DOCTOR_NO && !unit_check_is_spare(f, u))
                unit_check_user(f, u, out);
}

static bool unit_check_is_wanted(const struct doctor_facts *f, const char *service) {
        for (size_t i = 0; i < f->n_backends; i++) {
                const struct doctor_pool *pool = doctor_facts_find_pool(f, f->backends[i].address);

                if (pool && text_equal(pool->unit, service))
                        return true;
        }
        return false;
}

static bool unit_check_any_listens(const struct doctor_facts *f) {
        for (size_t i = 0; i < f->n_pools; i++)
                if (doctor_unitstate_listens(f, f->pools[i].unit))
                        return true;
        return false;
}

static bool unit_check_has_trouble(const struct doctor_unit *u) {
        return u && (text_equal(u->load, "masked") || text_equal(u->active, "failed"));
}

static bool unit_check_any_is_wanted(const struct doctor_facts *f) {
        for (size_t i = 0; i < f->n_pools; i++)
                if (unit_check_is_wanted(f, f->pools[i].unit))
                        return true;
        return false;
}

/* A pool that no web server asks for may be off on purpose, where another one is asked for or listens. */
static enum doctor_level unit_check_silence(const struct doctor_facts *f, const char *service) {
        if (unit_check_is_wanted(f, service))
                return DOCTOR_PROBLEM;
        return unit_check_any_is_wanted(f) || unit_check_any_listens(f) ? DOCTOR_NOTE : DOCTOR_PROBLEM;
}

/* One that has failed is told as that. */
static void unit_check_silent(const struct doctor_facts *f, const struct doctor_unit *service,
                              struct doctor_findings *out) {
        const struct doctor_unit *socket = doctor_unitstate_socket(f, service->name);
        bool wanted = unit_check_is_wanted(f, service->name);
        const char *start = socket ? socket->name : service->name;
        struct doctor_finding *found;
        bool enabled;

        if (unit_check_has_trouble(service) || unit_check_has_trouble(socket))
                return;
        found = doctor_findings_add(out, "unit", unit_check_silence(f, service->name));
        if (text_equal(socket ? socket->load : service->load, "not-found")) {
                text_printf(&found->what, "systemd knows no %s: fpmd's units are not installed", start);
                text_printf(&found->next, "install the package, or \"meson install\", then systemctl daemon-reload");
                return;
        }
        enabled = text_has_prefix(socket ? socket->enabled : service->enabled, "enabled");
        text_printf(&found->what, "%s is %s%s, so nobody listens for its pools%s", start, enabled ? "enabled and " : "",
                    socket ? socket->active : service->active, wanted ? ", and a web server sends requests there" : "");
        text_printf(&found->next, "systemctl %s %s", enabled ? "start" : "enable --now", start);
}

static void unit_check_boot(const struct doctor_facts *f, const struct doctor_unit *service,
                            struct doctor_findings *out) {
        const struct doctor_unit *socket = doctor_unitstate_socket(f, service->name);
        const char *enabled = socket ? socket->enabled : "disabled";
        struct doctor_finding *found;

        if (!text_equal(service->enabled, "disabled") || !text_equal(enabled, "disabled") || service->is_triggered ||
            unit_check_has_trouble(service) || unit_check_has_trouble(socket))
                return;
        found = doctor_findings_add(out, "unit", DOCTOR_PROBLEM);
        text_printf(&found->what, "%s runs now, and does not after the next boot: it is not enabled", service->name);
        text_printf(&found->next, "systemctl enable %s", socket ? socket->name : service->name);
}

static bool unit_check_is_first(const struct doctor_facts *f, size_t i) {
        for (size_t k = 0; k < i; k++)
                if (text_equal(f->pools[k].unit, f->pools[i].unit))
                        return false;
        return true;
}

/* fpmd.service leaves a pool to an instance that is enabled. */
static void unit_check_both(const struct doctor_facts *f, const struct doctor_pool *p, struct doctor_findings *out) {
        _cleanup_text_ struct text name = {};
        const struct doctor_unit *own;
        struct doctor_finding *found;

        if (!text_equal(p->unit, "fpmd.service"))
                return;
        text_printf(&name, "fpmd@%s.socket", p->name);
        own = doctor_facts_find_unit(f, text_peek(&name));
        if (!own || !text_equal(own->active, "active") || text_has_prefix(own->enabled, "enabled"))
                return;
        found = doctor_findings_add(out, "unit", DOCTOR_NOTE);
        text_printf(&found->what,
                    "%s runs and is not enabled, so fpmd.service has pool '%s' as well, from its next start on at the "
                    "latest",
                    own->name, p->name);
        text_printf(&found->next, "fpmctl enable %s, which leaves it to its unit, or fpmctl disable %s", p->name,
                    p->name);
}

/* Services of that level for whose pools nobody listens. */
static void unit_check_each_silent(const struct doctor_facts *f, enum doctor_level level, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_unit *u = doctor_facts_find_unit(f, f->pools[i].unit);

                if (u && unit_check_is_first(f, i) && !doctor_unitstate_listens(f, u->name) &&
                    unit_check_silence(f, u->name) == level)
                        unit_check_silent(f, u, out);
        }
}

void doctor_unit_check_states(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_units; i++)
                unit_check_unit(f, &f->units[i], out);
        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_unit *u = doctor_facts_find_unit(f, f->pools[i].unit);

                unit_check_both(f, &f->pools[i], out);
                if (u && unit_check_is_first(f, i) && doctor_unitstate_runs(f, u->name))
                        unit_check_boot(f, u, out);
        }
        unit_check_each_silent(f, DOCTOR_PROBLEM, out);
}

void doctor_unit_check_off(const struct doctor_facts *f, struct doctor_findings *out) {
        unit_check_each_silent(f, DOCTOR_NOTE, out);
}
