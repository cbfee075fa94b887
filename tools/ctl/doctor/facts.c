/* SPDX-License-Identifier: MIT */
/* Lists that grow by one, and texts that are freed together. */

#include "doctor/facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/lines.h"
#include "doctor/address.h"

static const struct doctor_socket no_socket = { .owner = "", .group = "", .holder_name = "", .holder_unit = "" };

void doctor_facts_init(struct doctor_facts *f) {
        *f = (struct doctor_facts){
                .config = "",
                .config_problems = "",
                .opcache_off = "",
                .php_ini_dir = "",
                .php_fpm = "",
                .php_fpm_unit = "",
                .ini_error = "",
                .ini_unit = "",
                .denial = "",
        };
}

void doctor_facts_done(struct doctor_facts *f) {
        for (size_t i = 0; i < f->n_kept; i++)
                free(f->kept[i]);
        free(f->kept);
        free(f->units);
        free(f->pools);
        free(f->files);
        free(f->backends);
        free(f->spares);
        free(f->unseen);
        doctor_facts_init(f);
}

/* Room for one more of size bytes. NULL: out of memory. */
static void *facts_grow(struct doctor_facts *f, void *list, size_t *n, size_t size) {
        void **items = list, *grown;

        grown = reallocarray(*items, *n + 1, size);
        if (!grown) {
                f->failed = true;
                return NULL;
        }
        *items = grown;
        (*n)++;
        return (char *)grown + (*n - 1) * size;
}

static const char *facts_take(struct doctor_facts *f, char *s) {
        char **place = s ? facts_grow(f, &f->kept, &f->n_kept, sizeof(*f->kept)) : NULL;

        if (!place) {
                f->failed = true;
                free(s);
                return "";
        }
        *place = s;
        return s;
}

const char *doctor_facts_keep(struct doctor_facts *f, const char *s) {
        return s && *s ? facts_take(f, strdup(s)) : "";
}

const char *doctor_facts_print(struct doctor_facts *f, const char *fmt, ...) {
        va_list ap;
        char *s;
        int n;

        va_start(ap, fmt);
        n = vasprintf(&s, fmt, ap);
        va_end(ap);
        return facts_take(f, n < 0 ? NULL : s);
}

struct doctor_unit *doctor_facts_add_unit(struct doctor_facts *f) {
        struct doctor_unit *u = facts_grow(f, &f->units, &f->n_units, sizeof(*u));

        if (u)
                *u = (struct doctor_unit){ .name = "",
                                           .load = "",
                                           .active = "",
                                           .sub = "",
                                           .enabled = "",
                                           .result = "",
                                           .user = "",
                                           .listen = "",
                                           .owner = "",
                                           .group = "",
                                           .memory_max = UINT64_MAX };
        return u;
}

struct doctor_pool *doctor_facts_add_pool(struct doctor_facts *f) {
        struct doctor_pool *p = facts_grow(f, &f->pools, &f->n_pools, sizeof(*p));

        if (p)
                *p = (struct doctor_pool){
                        .name = "",
                        .file = "",
                        .listen = "",
                        .unit = "",
                        .user = "",
                        .file_obstacle = "",
                        .backlog = -1,
                        .open_basedir = "",
                        .exec_basedirs = "",
                        .opcache_off = "",
                        .socket = no_socket,
                        .life = { .health = "", .problem = "", .old_php = "", .remarks = "", .reload_refusal = "" }
                };
        return p;
}

struct doctor_file *doctor_facts_add_file(struct doctor_facts *f) {
        struct doctor_file *file = facts_grow(f, &f->files, &f->n_files, sizeof(*file));

        if (file)
                *file = (struct doctor_file){ .path = "", .unit = "" };
        return file;
}

struct doctor_backend *doctor_facts_add_backend(struct doctor_facts *f) {
        struct doctor_backend *b = facts_grow(f, &f->backends, &f->n_backends, sizeof(*b));

        if (b)
                *b = (struct doctor_backend){ .server = "",
                                              .user = "",
                                              .address = "",
                                              .link = "",
                                              .file = "",
                                              .upstream = "",
                                              .upstream_place = "",
                                              .root = "",
                                              .root_place = "",
                                              .socket = no_socket,
                                              .obstacle = "",
                                              .entry_obstacle = "",
                                              .root_obstacle = "" };
        return b;
}

struct doctor_spare *doctor_facts_add_spare(struct doctor_facts *f) {
        struct doctor_spare *s = facts_grow(f, &f->spares, &f->n_spares, sizeof(*s));

        if (s)
                *s = (struct doctor_spare){ .unit = "", .socket = "" };
        return s;
}

void doctor_facts_unseen(struct doctor_facts *f, const char *what, const char *why) {
        struct doctor_unseen *u;

        for (size_t i = 0; i < f->n_unseen; i++)
                if (text_equal(f->unseen[i].what, what))
                        return;
        u = facts_grow(f, &f->unseen, &f->n_unseen, sizeof(*u));
        if (u)
                *u = (struct doctor_unseen){ doctor_facts_keep(f, what), doctor_facts_keep(f, why) };
}

const struct doctor_unit *doctor_facts_find_unit(const struct doctor_facts *f, const char *name) {
        for (size_t i = 0; i < f->n_units; i++)
                if (text_equal(f->units[i].name, name))
                        return &f->units[i];
        return NULL;
}

const struct doctor_pool *doctor_facts_find_pool(const struct doctor_facts *f, const char *address) {
        for (size_t i = 0; i < f->n_pools; i++)
                if (doctor_address_is_same(f->pools[i].listen, address))
                        return &f->pools[i];
        return NULL;
}

void doctor_facts_add_problems(struct doctor_facts *f, const char *problems) {
        _cleanup_text_ struct text all = {};
        const char *line;
        size_t n;

        text_append(&all, f->config_problems);
        while ((line = text_word(&problems, "\n", &n))) {
                const char *one = doctor_facts_print(f, "%.*s\n", (int)n, line);

                if (!conf_lines_is_outcome(one))
                        text_append_lines_once(&all, "", one);
        }
        f->failed |= all.failed;
        f->config_problems = doctor_facts_keep(f, text_peek(&all));
}
