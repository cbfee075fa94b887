/* SPDX-License-Identifier: MIT */
/* The sockets that pools should have, and the files that say so. */

#include <string.h>

#include "base/names.h"
#include "base/text.h"
#include "doctor/address.h"
#include "doctor/checks.h"
#include "doctor/unitnames.h"
#include "doctor/unitstates.h"
#include "units/advice.h"

static void socket_check_taken(const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "socket", DOCTOR_PROBLEM);

        text_printf(&found->what, "Pool '%s' is to listen on %s [%s:%u], and %s does so", p->name, p->listen, p->file,
                    p->line, p->socket.holder_name);
        text_append(&found->next, "end php-fpm (");
        doctor_unitname_put_disable(p->socket.holder_unit, &found->next);
        text_append(&found->next, "), or let the pool listen elsewhere; then ");
        doctor_unitname_put_remake(p->unit, &found->next);
}

/* An instance's socket unit is made of the pool's file, and systemd may have an older one. Where a socket unit has an
 * address of its own it must be the same in both; else the service makes the socket itself. */
static void socket_check_put_start(const struct doctor_facts *f, const struct doctor_pool *p, struct text *out) {
        const struct doctor_unit *u = doctor_facts_find_unit(f, p->unit), *socket = doctor_unitstate_socket(f, p->unit);

        if (!u) {
                text_append(out, "start fpmd");
                return;
        }
        if (text_has_prefix(p->unit, "fpmd@") && doctor_unitstate_is_up(socket)) {
                doctor_unitname_put_remake(p->unit, out);
                text_printf(out, "; systemctl status %s then shows the pool's address in its line Listen",
                            socket->name);
                return;
        }
        if (doctor_unitstate_is_up(socket))
                text_printf(out,
                            "systemctl status %s shows in its line Listen where it listens: ListenStream= and the "
                            "pool's listen must be the same; after a change ",
                            socket->name);
        doctor_unitname_put_remake(p->unit, out);
}

/* fpmd.service has no socket for it. Where its master does not say so, all but fpmd.socket's own may be such. */
static bool socket_check_is_absent(const struct doctor_facts *f, const struct doctor_pool *p) {
        return p->life.absent ||
               (text_equal(p->unit, "fpmd.service") && !p->life.known && !text_equal(p->name, "www") &&
                doctor_unitstate_is_up(doctor_unitstate_socket(f, p->unit)));
}

static void socket_check_absent(const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "socket", DOCTOR_PROBLEM);

        text_printf(&found->what,
                    "Pool '%s' has listen = %s [%s:%u], and nobody listens there: %s has no socket for it, and serves "
                    "its other pools",
                    p->name, p->listen, p->file, p->line, p->unit);
        advice_put_absent(p->name, p->unit, &found->next);
}

static bool socket_check_has_lost_file(const struct doctor_socket *s) {
        return s->exists == DOCTOR_NO && (s->holder == DOCTOR_HOLDER_FPMD || s->holder == DOCTOR_HOLDER_OTHER);
}

static void socket_check_lost_file(const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "socket", DOCTOR_PROBLEM);

        text_printf(&found->what,
                    "Pool '%s' listens on %s [%s:%u], and somebody has removed that file: web servers find nothing "
                    "there: 502",
                    p->name, p->listen, p->file, p->line);
        doctor_unitname_put_restart(p->unit, &found->next);
        text_append(&found->next, " makes it anew");
}

/* Who may connect, as systemd would make the socket now, and as it has made it. */
static bool socket_check_has_rights(const struct doctor_unit *unit, const struct doctor_socket *s) {
        return (unit->mode == 0 || (unit->mode & 07777U) == (s->mode & 07777U)) &&
               (!*unit->owner || text_equal(unit->owner, s->owner)) &&
               (!*unit->group || text_equal(unit->group, s->group));
}

static void socket_check_rights(const struct doctor_facts *f, const struct doctor_pool *p,
                                struct doctor_findings *out) {
        const struct doctor_unit *unit = doctor_unitstate_socket(f, p->unit);
        struct doctor_finding *found;

        if (!doctor_unitstate_is_up(unit) || !text_equal(unit->listen, p->listen) || p->socket.exists != DOCTOR_YES ||
            socket_check_has_rights(unit, &p->socket))
                return;
        found = doctor_findings_add(out, "socket", DOCTOR_PROBLEM);
        text_printf(&found->what,
                    "The socket of pool '%s', %s, is for user %s and group %s (mode %04o) still: %s has had other "
                    "rights since (user %s, group %s, mode %04o)",
                    p->name, p->listen, p->socket.owner, p->socket.group, (unsigned)p->socket.mode, unit->name,
                    *unit->owner ? unit->owner : "root", *unit->group ? unit->group : "root", (unsigned)unit->mode);
        text_printf(&found->next, "systemctl restart %s, which makes it anew", unit->name);
}

/* One of two pools with one address is served at most. */
static void socket_check_twins(const struct doctor_facts *f, struct doctor_findings *out) {
        _cleanup_names_ struct names seen = {};

        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i], *other;
                const char *address = doctor_address_skip_var(p->listen);
                struct doctor_finding *found;
                size_t at;

                if (!*address || !names_find(&seen, address, &at)) {
                        (void)(*address && names_put(&seen, address, i));
                        continue;
                }
                other = &f->pools[at];
                if (text_equal(p->name, other->name))
                        continue;
                found = doctor_findings_add(out, "socket", DOCTOR_PROBLEM);
                text_printf(
                        &found->what,
                        "Pools '%s' [%s:%u] and '%s' [%s:%u] both have listen = %s: one of them alone can be served",
                        other->name, other->file, other->line, p->name, p->file, p->line, p->listen);
                text_append(&found->next, "give one of them another listen; then fpmctl enable with its name, where it "
                                          "has a unit of its own, else systemctl reload fpmd.service");
        }
}

/* As long as no web server sends requests there it is something left behind. */
static void socket_check_spare(const struct doctor_facts *f, const struct doctor_spare *s,
                               struct doctor_findings *out) {
        enum doctor_level level = DOCTOR_NOTE;
        struct doctor_finding *found;

        for (size_t i = 0; i < f->n_backends; i++) {
                _cleanup_text_ struct text address = {};

                text_printf(&address, "(%s)", f->backends[i].address);
                if (text_has_suffix(s->socket, text_peek(&address)))
                        level = DOCTOR_PROBLEM;
        }
        found = doctor_findings_add(out, "socket", level);
        text_printf(&found->what, "%s has the socket %s, and no pool for it: nobody serves its clients%s", s->unit,
                    s->socket, level == DOCTOR_PROBLEM ? ", and a web server sends requests there" : "");
        advice_put_spare(s->unit, &found->next);
}

void doctor_socket_check_all(const struct doctor_facts *f, struct doctor_findings *out) {
        socket_check_twins(f, out);
        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];
                struct doctor_finding *found;

                if (p->socket.holder == DOCTOR_HOLDER_PHP_FPM)
                        socket_check_taken(p, out);
                if (p->listen[0] == '/' && socket_check_has_lost_file(&p->socket))
                        socket_check_lost_file(p, out);
                socket_check_rights(f, p, out);
                if (p->socket.holder != DOCTOR_HOLDER_NOBODY || !*p->listen ||
                    (f->n_units > 0 && !doctor_unitstate_listens(f, p->unit)))
                        continue; /* a unit that is not up is told as that, or is off on purpose */
                if (socket_check_is_absent(f, p)) {
                        socket_check_absent(p, out);
                        continue;
                }
                found = doctor_findings_add(out, "socket", DOCTOR_PROBLEM);
                text_printf(&found->what, "Pool '%s' has listen = %s [%s:%u], and nobody listens there%s", p->name,
                            p->listen, p->file, p->line,
                            p->socket.exists == DOCTOR_YES ? ": the file is what somebody has left behind" : "");
                socket_check_put_start(f, p, &found->next);
        }
        for (size_t i = 0; i < f->n_spares; i++)
                socket_check_spare(f, &f->spares[i], out);
}

/* A file whose pools nobody serves is told with them: a reload would be refused. */
static bool socket_check_serves(const struct doctor_facts *f, const struct doctor_file *file) {
        bool any = false;

        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];

                if (!text_equal(p->file, file->path) || !text_equal(p->unit, file->unit))
                        continue;
                if (p->socket.holder != DOCTOR_HOLDER_NOBODY || !socket_check_is_absent(f, p))
                        return true;
                any = true;
        }
        return !any;
}

void doctor_socket_check_reload(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_files; i++) {
                const struct doctor_unit *u = doctor_facts_find_unit(f, f->files[i].unit);
                struct doctor_finding *found;

                if (!doctor_unitstate_is_up(u) || u->since == 0 || f->files[i].written <= u->since ||
                    !socket_check_serves(f, &f->files[i]))
                        continue;
                found = doctor_findings_add(out, "reload", DOCTOR_PROBLEM);
                text_printf(&found->what, "%s was written after %s last read its configuration", f->files[i].path,
                            u->name);
                text_printf(&found->next, "fpmd -t, then systemctl reload %s", u->name);
        }
}
