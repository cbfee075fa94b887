/* SPDX-License-Identifier: MIT */
/* What masters that run say of their pools: why requests are answered with 503, wait for too long, or lose their
 * worker. */

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"
#include "doctor/unitnames.h"

/* A client of a pool that would sleep is told; of others it waits for the next try. */
static void life_check_failing(const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "php", DOCTOR_PROBLEM);

        text_printf(&found->what,
                    "PHP of pool '%s' does not start (tries: %" PRIu64 "): %.*s; its clients get 503, or wait", p->name,
                    p->life.failed_starts, (int)strcspn(p->life.problem, "\n"), p->life.problem);
        text_printf(&found->next, "mend that, then systemctl reload %s; journalctl -u %s -x -e has more", p->unit,
                    p->unit);
}

static void life_check_stuck(const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "stuck", DOCTOR_PROBLEM);

        text_printf(&found->what, "Pool '%s' is %s: 504", p->name, p->life.health);
        text_printf(&found->next,
                    "ps -o pid,stat,wchan,args -u %s: somebody has stopped processes in state T, those in D wait for a "
                    "disk or a network file system; systemctl restart %s where that does not say why",
                    *p->user ? p->user : "USER", p->unit);
}

static void life_check_draining(const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "drain", DOCTOR_NOTE);

        text_printf(&found->what, "Pool '%s' is drained: load balancers are told to send it nothing, and answer 503",
                    p->name);
        doctor_unitname_put_ctl(p->unit, &found->next);
        text_printf(&found->next, " undrain %s, when that is over", p->name);
}

void doctor_life_check_health(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];

                if (!p->life.known)
                        continue;
                if (p->life.failed_starts > 0)
                        life_check_failing(p, out);
                else if (text_has_prefix(p->life.health, "stuck"))
                        life_check_stuck(p, out);
                else if (text_has_prefix(p->life.health, "draining"))
                        life_check_draining(p, out);
        }
}

static void life_check_refusal(const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "reload", DOCTOR_PROBLEM);

        text_printf(&found->what,
                    "The last reload of %s was refused: %.*s; it goes on with what it had, and may not start again",
                    p->unit, (int)strcspn(p->life.reload_refusal, "\n"), p->life.reload_refusal);
        text_printf(&found->next, "mend that, then systemctl reload %s", p->unit);
}

/* A reload reads a file with mistakes as well. */
static void life_check_old_php(const struct doctor_facts *f, const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "reload", DOCTOR_PROBLEM);

        text_printf(&found->what, "%s runs PHP as it was: %s", p->unit, p->life.old_php);
        text_printf(&found->next, "%ssystemctl reload %s",
                    *f->ini_error ? "mend first what PHP says of its settings files, as told here too; then " : "",
                    p->unit);
}

/* Pools of a service have their reloads in common, and most have the same PHP. */
void doctor_life_check_reload(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];
                bool refused = *p->life.reload_refusal != '\0', is_old = *p->life.old_php != '\0';

                for (size_t k = 0; k < i; k++) {
                        bool same = text_equal(f->pools[k].unit, p->unit);

                        refused &= !same || !*f->pools[k].life.reload_refusal;
                        is_old &= !same || !*f->pools[k].life.old_php;
                }
                if (refused)
                        life_check_refusal(p, out);
                if (is_old)
                        life_check_old_php(f, p, out);
        }
}

/* Pools of a service may have the same lines, about PHP's own files; those are told with the first. */
static bool life_check_is_told(const struct doctor_facts *f, size_t i) {
        for (size_t k = 0; k < i; k++)
                if (text_equal(f->pools[k].unit, f->pools[i].unit) &&
                    text_equal(f->pools[k].life.remarks, f->pools[i].life.remarks))
                        return true;
        return false;
}

void doctor_life_check_settings(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];
                struct doctor_finding *found;

                if (!p->life.known || !*p->life.remarks || life_check_is_told(f, i))
                        continue;
                found = doctor_findings_add(out, "settings", DOCTOR_PROBLEM);
                text_printf(&found->what,
                            "PHP of pool '%s' has not taken all of its settings, and goes on without:\n%s", p->name,
                            p->life.remarks);
                text_printf(&found->next,
                            "mend these lines; \"fpmd -t\" says whether any are left; then systemctl reload %s",
                            p->unit);
        }
}

/* A queue that is full is told as that. */
void doctor_life_check_busy(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];
                struct doctor_finding *found;

                if (!p->life.known || p->life.waiting == 0 || p->life.max_children == 0 ||
                    p->life.active < p->life.max_children ||
                    (p->socket.has_queue && p->socket.limit > 0 && p->socket.waiting >= p->socket.limit))
                        continue;
                found = doctor_findings_add(out, "busy", DOCTOR_PROBLEM);
                text_printf(&found->what,
                            "Pool '%s' has %" PRIu64 " worker%s, all of them busy, and %" PRIu64
                            " more connection%s: pages are slow, and 504 where that lasts",
                            p->name, p->life.active, p->life.active == 1 ? "" : "s", p->life.waiting,
                            p->life.waiting == 1 ? "" : "s");
                doctor_unitname_put_ctl(p->unit, &found->next);
                text_append(&found->next, " status --full shows what they do; raise pm.max_children as far as memory "
                                          "allows, and end scripts that hang by request_terminate_timeout");
        }
}

static void life_check_deaths(const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "deaths", DOCTOR_NOTE);

        text_printf(&found->what, "%" PRIu64 " worker%s of pool '%s' %s died since it has started", p->life.died,
                    p->life.died == 1 ? "" : "s", p->name, p->life.died == 1 ? "has" : "have");
        if (p->life.oom > 0)
                text_printf(&found->what, ", %" PRIu64 " of them since memory was out", p->life.oom);
        text_append(&found->what, ": 502 for each request that they had");
        text_printf(&found->next, "journalctl -u %s -x -p warning says of each how it ended, and in which request",
                    p->unit);
        if (p->life.oom > 0)
                text_append(&found->next,
                            "; lower pm.max_children, or pm.max_children = auto, which leaves it to fpmd");
}

static void life_check_refused(const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "refused", DOCTOR_NOTE);

        text_printf(&found->what,
                    "Pool '%s' has refused %" PRIu64 " request%s with 503 since it has started, by queue.max_wait or "
                    "queue.max_length",
                    p->name, p->life.refused, p->life.refused == 1 ? "" : "s");
        doctor_unitname_put_ctl(p->unit, &found->next);
        text_append(&found->next, " status shows whether it goes on (overload); more requests came than workers can "
                                  "serve: raise pm.max_children as far as memory allows, or have pages take less time");
}

static void life_check_peers(const struct doctor_pool *p, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "peers", DOCTOR_NOTE);

        text_printf(&found->what,
                    "Pool '%s' has closed %" PRIu64 " connection%s since it has started, whose peer "
                    "listen.allowed_clients or listen.peer_users does not name: 502",
                    p->name, p->life.peers, p->life.peers == 1 ? "" : "s");
        text_printf(&found->next, "add the web server's address or user there [%s:%u], if it is one of yours", p->file,
                    p->line);
}

/* Counters since the start: whether it goes on they do not say. */
void doctor_life_check_counters(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];

                if (p->life.known && p->life.died > 0)
                        life_check_deaths(p, out);
                if (p->life.known && p->life.refused > 0)
                        life_check_refused(p, out);
                if (p->life.known && p->life.peers > 0)
                        life_check_peers(p, out);
        }
}
