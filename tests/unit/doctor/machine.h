/* SPDX-License-Identifier: MIT */
#pragma once
/* A machine that the doctor looks at, as a sentence, its facts, and what is said of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/text.h"
#include "doctor/checks.h"

struct machine {
        const char *sentence;
        struct doctor_unit units[2];
        const char *services[2]; /* further units, which are off */
        struct doctor_pool pools[2];
        struct doctor_file file;
        struct doctor_backend backends[2];
        struct doctor_spare spare;
        const char *problems, *opcache_off, *php_fpm, *php_fpm_unit, *ini_error, *ini_unit, *denial;
        uint64_t worker_memory, memory_total, somaxconn;
        unsigned opcache_strings;
        bool lacks_opcache, run_is_full;
        const char *check; /* of the first finding, the only one of its level; NULL: nothing is found */
        enum doctor_level level;
        const char *what, *next; /* parts of it */
};

/* What rows have in common. */
#define SERVICE .name = "fpmd.service", .load = "loaded", .active = "active", .enabled = "enabled"
#define SOCKET  .name = "fpmd.socket", .load = "loaded", .active = "active", .enabled = "enabled"
#define SERVED  .holder = DOCTOR_HOLDER_FPMD, .exists = DOCTOR_YES
#define POOL                                                                                                           \
        .name = "www", .file = "/etc/fpmd/pool.d/www.conf", .line = 1, .listen = "/run/fpmd-www.sock",                 \
        .unit = "fpmd.service", .user = "www-data", .backlog = -1
#define NGINX .server = "nginx", .user = "www-data", .file = "/etc/nginx/site", .line = 7

static const char *machine_text(const char *s) {
        return s ?: "";
}

static void machine_fill_socket(struct doctor_socket *s, const struct doctor_socket *from) {
        *s = *from;
        s->owner = machine_text(from->owner);
        s->group = machine_text(from->group);
        s->holder_name = machine_text(from->holder_name);
        s->holder_unit = machine_text(from->holder_unit);
}

static void machine_fill_unit(struct doctor_facts *f, const struct doctor_unit *from) {
        struct doctor_unit *u = doctor_facts_add_unit(f);

        *u = *from;
        u->load = machine_text(from->load);
        u->active = machine_text(from->active);
        u->sub = machine_text(from->sub);
        u->enabled = machine_text(from->enabled);
        u->result = machine_text(from->result);
        u->user = machine_text(from->user);
        u->listen = machine_text(from->listen);
        u->owner = machine_text(from->owner);
        u->group = machine_text(from->group);
        u->memory_max = from->memory_max ?: UINT64_MAX;
}

static void machine_fill_pool(struct doctor_facts *f, const struct doctor_pool *from) {
        struct doctor_pool *p = doctor_facts_add_pool(f);

        *p = *from;
        p->file = machine_text(from->file);
        p->user = machine_text(from->user);
        p->file_obstacle = machine_text(from->file_obstacle);
        p->open_basedir = machine_text(from->open_basedir);
        p->exec_basedirs = machine_text(from->exec_basedirs);
        p->opcache_off = machine_text(from->opcache_off);
        p->life.health = machine_text(from->life.health);
        p->life.problem = machine_text(from->life.problem);
        p->life.old_php = machine_text(from->life.old_php);
        p->life.remarks = machine_text(from->life.remarks);
        p->life.reload_refusal = machine_text(from->life.reload_refusal);
        machine_fill_socket(&p->socket, &from->socket);
}

static void machine_fill_backend(struct doctor_facts *f, const struct doctor_backend *from) {
        struct doctor_backend *b = doctor_facts_add_backend(f);

        *b = *from;
        b->user = machine_text(from->user);
        b->link = machine_text(from->link);
        b->file = machine_text(from->file);
        b->upstream = machine_text(from->upstream);
        b->upstream_place = machine_text(from->upstream_place);
        b->root = machine_text(from->root);
        b->root_place = machine_text(from->root_place);
        b->obstacle = machine_text(from->obstacle);
        b->entry_obstacle = machine_text(from->entry_obstacle);
        b->root_obstacle = machine_text(from->root_obstacle);
        machine_fill_socket(&b->socket, &from->socket);
}

static void machine_fill(const struct machine *m, struct doctor_facts *f) {
        doctor_facts_init(f);
        for (size_t i = 0; i < 2; i++) {
                if (m->units[i].name)
                        machine_fill_unit(f, &m->units[i]);
                if (m->services[i])
                        machine_fill_unit(f, &(struct doctor_unit){
                                                     .name = m->services[i], .load = "loaded", .active = "inactive" });
                if (m->pools[i].name)
                        machine_fill_pool(f, &m->pools[i]);
                if (m->backends[i].address)
                        machine_fill_backend(f, &m->backends[i]);
        }
        if (m->file.path)
                *doctor_facts_add_file(f) = m->file;
        if (m->spare.unit)
                *doctor_facts_add_spare(f) = m->spare;
        f->config_problems = machine_text(m->problems);
        f->opcache_off = machine_text(m->opcache_off);
        f->opcache_strings = m->opcache_strings;
        f->says_strings = m->opcache_strings > 0;
        f->php_fpm = machine_text(m->php_fpm);
        f->php_fpm_unit = machine_text(m->php_fpm_unit);
        f->ini_error = machine_text(m->ini_error);
        f->ini_unit = machine_text(m->ini_unit);
        f->denial = machine_text(m->denial);
        f->n_denials = m->denial != NULL;
        f->worker_memory = m->worker_memory;
        f->memory_total = m->memory_total;
        f->somaxconn = m->somaxconn;
        f->run_is_full = m->run_is_full;
        f->has_opcache = m->lacks_opcache ? DOCTOR_NO : DOCTOR_YES;
}

static void machine_expect(const struct machine *m, const struct doctor_findings *l) {
        if (!m->check) {
                if (l->n > 0)
                        fail_msg("%s: %s", m->sentence, text_peek(&l->items[0].what));
                return;
        }
        if (doctor_findings_count(l, m->level) != 1)
                fail_msg("%s: %zu findings: %s", m->sentence, l->n, l->n > 0 ? text_peek(&l->items[0].what) : "");
        if (!text_equal(l->items[0].check, m->check) || l->items[0].level != m->level ||
            !strstr(text_peek(&l->items[0].what), m->what) || !strstr(text_peek(&l->items[0].next), m->next))
                fail_msg("%s: %s: %s\nNext: %s", m->sentence, l->items[0].check, text_peek(&l->items[0].what),
                         text_peek(&l->items[0].next));
}

static void machines_check(const struct machine *machines, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_findings_ struct doctor_findings found = {};
                _cleanup_facts_ struct doctor_facts f;

                machine_fill(&machines[i], &f);
                doctor_checks_run(&f, &found);
                machine_expect(&machines[i], &found);
        }
}
