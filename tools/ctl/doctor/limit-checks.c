/* SPDX-License-Identifier: MIT */
/* Limits that are met under load, and what makes each request slow. */

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "conf/model.h"
#include "doctor/checks.h"
#include "doctor/unitnames.h"

#define LIMIT_FILES_OF_WORKER 3U  /* a pidfd and two pipes, in the master */
#define LIMIT_FILES_OF_MASTER 64U /* listeners, logs, clients of fpmctl */
#define LIMIT_FILES_OF_POOL   16U

void doctor_limit_check_queues(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];
                struct doctor_finding *found;

                if (!p->socket.has_queue || p->socket.limit == 0 || p->socket.waiting < p->socket.limit)
                        continue;
                found = doctor_findings_add(out, "queue", DOCTOR_PROBLEM);
                text_printf(&found->what,
                            "The queue of pool '%s' is full: %" PRIu64 " connections wait on %s, and more are refused",
                            p->name, p->socket.waiting, p->listen);
                doctor_unitname_put_ctl(p->unit, &found->next);
                text_append(&found->next, " status --full shows what its workers do; if they are all busy, raise "
                                          "pm.max_children as far as memory allows, or set queue.max_wait");
        }
}

/* Workers that a service may have. */
struct limit_check_workers {
        uint64_t n, most_of_a_pool;
        uint64_t n_pools;
};

static struct limit_check_workers limit_check_workers_of(const struct doctor_facts *f, const char *unit) {
        struct limit_check_workers w = {};
        uint64_t limit = UINT64_MAX;

        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];

                if (!text_equal(p->unit, unit))
                        continue;
                w.n_pools++;
                w.n += p->max_children;
                w.most_of_a_pool = MAX(w.most_of_a_pool, p->max_children);
                limit = p->service_max > 0 ? p->service_max : limit;
        }
        w.n = MIN(w.n, limit);
        w.most_of_a_pool = MIN(w.most_of_a_pool, limit);
        return w;
}

/* The same of all services. */
static struct limit_check_workers limit_check_all_workers(const struct doctor_facts *f) {
        struct limit_check_workers all = {};

        for (size_t i = 0; i < f->n_pools; i++) {
                struct limit_check_workers w;
                size_t k = 0;

                while (k < i && !text_equal(f->pools[k].unit, f->pools[i].unit))
                        k++;
                if (k < i)
                        continue;
                w = limit_check_workers_of(f, f->pools[i].unit);
                all.n += w.n;
                all.n_pools += w.n_pools;
                all.most_of_a_pool = MAX(all.most_of_a_pool, w.most_of_a_pool);
        }
        return all;
}

void doctor_limit_check_files(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_units; i++) {
                const struct doctor_unit *u = &f->units[i];
                struct limit_check_workers w = limit_check_workers_of(f, u->name);
                uint64_t wanted = LIMIT_FILES_OF_WORKER * w.n + LIMIT_FILES_OF_POOL * w.n_pools + LIMIT_FILES_OF_MASTER;
                struct doctor_finding *found;

                if (u->files == 0 || w.n_pools == 0 || u->files >= wanted)
                        continue;
                found = doctor_findings_add(out, "files", DOCTOR_PROBLEM);
                text_printf(&found->what,
                            "%s may open %" PRIu64 " files, and %" PRIu64
                            " workers (pm.max_children) take about %" PRIu64,
                            u->name, u->files, w.n, wanted);
                text_printf(&found->next,
                            "systemctl edit %s: LimitNOFILE=%" PRIu64 " below [Service]; then "
                            "systemctl restart %s",
                            u->name, wanted * 2, u->name);
        }
}

/* Where no pool alone takes that much, it is for the operator to say whether all are ever busy at once: many sites that
 * mostly sleep are not. */
static void limit_check_memory_of(const struct doctor_facts *f, const char *unit, uint64_t limit,
                                  struct doctor_findings *out) {
        struct limit_check_workers w = unit ? limit_check_workers_of(f, unit) : limit_check_all_workers(f);
        uint64_t wanted = w.n * f->worker_memory;
        bool by_one = w.most_of_a_pool * f->worker_memory > limit;
        struct doctor_finding *found;

        if (f->worker_memory == 0 || limit == 0 || wanted <= limit)
                return;
        found = doctor_findings_add(out, "memory", by_one ? DOCTOR_PROBLEM : DOCTOR_NOTE);
        text_printf(&found->what,
                    "%" PRIu64 " workers (pm.max_children%s%s) of %" PRIu64
                    " MiB each, as they are now, would take %" PRIu64 " MiB, and there are %" PRIu64,
                    w.n, unit ? " of " : "", unit ? unit : "", f->worker_memory >> 20, wanted >> 20, limit >> 20);
        if (by_one)
                text_append(&found->next, "lower pm.max_children, or pm.max_children = auto, which leaves it to fpmd");
        else
                text_printf(&found->next,
                            "nothing, where %" PRIu64 " pools are never all busy at once; else pool.budget, which they "
                            "share, or a MemoryMax= for each unit and pm.max_children = auto",
                            w.n_pools);
}

void doctor_limit_check_memory(const struct doctor_facts *f, struct doctor_findings *out) {
        limit_check_memory_of(f, NULL, f->memory_total, out);
        for (size_t i = 0; i < f->n_units; i++)
                if (f->units[i].memory_max != UINT64_MAX)
                        limit_check_memory_of(f, f->units[i].name, f->units[i].memory_max, out);
}

void doctor_limit_check_backlog(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];
                struct doctor_finding *found;

                if (p->backlog <= 0 || f->somaxconn == 0 || (uint64_t)p->backlog <= f->somaxconn)
                        continue;
                found = doctor_findings_add(out, "backlog", DOCTOR_NOTE);
                text_printf(&found->what,
                            "Pool '%s' has listen.backlog = %d [%s], and the kernel makes %" PRIu64 " of it", p->name,
                            p->backlog, p->file, f->somaxconn);
                text_printf(&found->next, "sysctl net.core.somaxconn=%d, and restart the socket", p->backlog);
        }
}

static void limit_check_opcache_off(const char *where, const char *unit, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "opcache", DOCTOR_PROBLEM);

        text_printf(&found->what, "opcache is off [%s]: each request compiles each of its files anew", where);
        text_printf(&found->next, "opcache.enable = 1 there, then systemctl reload %s", unit);
}

void doctor_limit_check_opcache(const struct doctor_facts *f, struct doctor_findings *out) {
        struct doctor_finding *found;

        if (f->has_opcache == DOCTOR_NO) {
                found = doctor_findings_add(out, "opcache", DOCTOR_PROBLEM);
                text_printf(&found->what, "No file of %s loads opcache: each request compiles each of its files anew",
                            f->php_ini_dir);
                text_printf(&found->next, "apt-get install php%d.%d-opcache, then systemctl reload fpmd",
                            FPMD_PHP_VERSION_ID / 10000, FPMD_PHP_VERSION_ID / 100 % 100);
        }
        if (*f->opcache_off)
                limit_check_opcache_off(f->opcache_off, f->n_pools > 0 ? f->pools[0].unit : "fpmd", out);
        for (size_t i = 0; i < f->n_pools; i++)
                if (*f->pools[i].opcache_off)
                        limit_check_opcache_off(f->pools[i].opcache_off, f->pools[i].unit, out);
}

/* A table of interned strings is as large as they may ever need, and each page of it is touched at PHP's start. */
#define LIMIT_TABLE_KIB    256U /* for each MiB of strings */
#define LIMIT_STRINGS_FEW  2U   /* MiB: a small application's */
#define LIMIT_TABLES_SHARE 32U  /* of the memory that there is, one part */

static unsigned limit_check_strings_of(const struct doctor_facts *f, const struct doctor_pool *p) {
        if (p->says_strings || f->says_strings)
                return p->says_strings ? p->opcache_strings : f->opcache_strings;
        return p->is_of_many ? CONF_STRINGS_OF_MANY : CONF_STRINGS;
}

void doctor_limit_check_strings(const struct doctor_facts *f, struct doctor_findings *out) {
        struct doctor_finding *found;
        uint64_t kib = 0, n = 0;

        for (size_t i = 0; i < f->n_pools; i++) {
                unsigned strings = limit_check_strings_of(f, &f->pools[i]);

                if (strings <= LIMIT_STRINGS_FEW || *f->pools[i].opcache_off)
                        continue;
                kib += (uint64_t)strings * LIMIT_TABLE_KIB;
                n++;
        }
        if (f->has_opcache != DOCTOR_YES || *f->opcache_off || f->memory_total == 0 ||
            kib < f->memory_total / 1024 / LIMIT_TABLES_SHARE)
                return;
        found = doctor_findings_add(out, "strings", DOCTOR_NOTE);
        text_printf(&found->what,
                    "opcache's tables of interned strings take %" PRIu64 " MiB when %" PRIu64
                    " pool%s awake (opcache.interned_strings_buffer is above %u)",
                    kib / 1024, n, n == 1 ? " is" : "s are", LIMIT_STRINGS_FEW);
        text_printf(&found->next,
                    "opcache.interned_strings_buffer = %u in %s/php.ini, if that does for most of them: "
                    "man fpmd-performance",
                    LIMIT_STRINGS_FEW, f->php_ini_dir);
}

/* Its master says so too, with the same words before the place. */
static bool limit_check_is_known(const struct doctor_facts *f) {
        for (size_t i = 0; i < f->n_pools; i++)
                if (text_equal(f->pools[i].unit, f->ini_unit) && strstr(f->pools[i].life.remarks, "] syntax error"))
                        return true;
        return false;
}

/* Of services that do not run, or whose pools sleep, the journal alone tells. */
void doctor_limit_check_ini(const struct doctor_facts *f, struct doctor_findings *out) {
        struct doctor_finding *found;

        if (!*f->ini_error || limit_check_is_known(f))
                return;
        found = doctor_findings_add(out, "ini", DOCTOR_PROBLEM);
        text_printf(&found->what,
                    "PHP could not read one of its settings files to the end, and goes on without the rest of it: %s",
                    f->ini_error);
        text_printf(&found->next, "mend that line, then systemctl reload %s", *f->ini_unit ? f->ini_unit : "fpmd");
}

void doctor_limit_check_denials(const struct doctor_facts *f, struct doctor_findings *out) {
        struct doctor_finding *found;

        if (f->n_denials == 0)
                return;
        found = doctor_findings_add(out, "denials", DOCTOR_PROBLEM);
        text_printf(&found->what,
                    "In the last day %" PRIu64 " things were denied to fpmd by AppArmor or SELinux, such as:\n%s",
                    f->n_denials, f->denial);
        text_append(&found->next, strstr(f->denial, "apparmor")
                                          ? "aa-logprof adds to the profile what it needs; aa-complain tries without"
                                          : "ausearch -m avc -c fpmd | audit2why says what would allow it");
}

void doctor_limit_check_beside(const struct doctor_facts *f, struct doctor_findings *out) {
        struct doctor_finding *found;

        if (!*f->php_fpm)
                return;
        found = doctor_findings_add(out, "beside", DOCTOR_NOTE);
        text_printf(&found->what, "php-fpm runs beside fpmd: %s", f->php_fpm);
        text_append(&found->next, "nothing, if a site needs it; else ");
        doctor_unitname_put_disable(f->php_fpm_unit, &found->next);
}

void doctor_limit_check_room(const struct doctor_facts *f, struct doctor_findings *out) {
        struct doctor_finding *found;

        if (!f->run_is_full)
                return;
        found = doctor_findings_add(out, "room", DOCTOR_PROBLEM);
        text_printf(&found->what, "The file system of /run is full: no service and no socket can be started anew");
        text_printf(&found->next, "df -h /run; df -i /run; du -xh -d 2 /run says what has filled it");
}
