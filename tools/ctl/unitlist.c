/* SPDX-License-Identifier: MIT */
/* Files are read as fpmd-generator reads them, and the first of a name is the one, as there. */

#include "unitlist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "conf/load.h"
#include "ctl.h"
#include "systemctl.h"
#include "units/instance.h"
#include "units/poolfiles.h"
#include "units/unitsconf.h"

void unitlist_done(struct unitlist *l) {
        for (size_t i = 0; i < l->n; i++) {
                free(l->pools[i].name);
                free(l->pools[i].file);
                free(l->pools[i].user);
                free(l->pools[i].listen);
                free(l->pools[i].problems);
        }
        free(l->pools);
        *l = (struct unitlist){};
}

struct unitlist_pool *unitlist_find(const struct unitlist *l, const char *name, size_t n_name) {
        for (size_t i = 0; i < l->n; i++)
                if (strlen(l->pools[i].name) == n_name && memcmp(l->pools[i].name, name, n_name) == 0)
                        return &l->pools[i];
        return NULL;
}

static int unitlist_add(struct unitlist *l, const char *file, const struct conf_pool *pool, const char *problems) {
        struct unitlist_pool *pools, *p;

        if (instance_name_error(pool->name) || unitlist_find(l, pool->name, strlen(pool->name)))
                return 0;
        pools = reallocarray(l->pools, l->n + 1, sizeof(*pools));
        if (!pools)
                return -ENOMEM;
        l->pools = pools;
        p = &pools[l->n++];
        *p = (struct unitlist_pool){ .name = strdup(pool->name),
                                     .file = strdup(file),
                                     .user = strdup(pool->user ?: ""),
                                     .listen = strdup(pool->listen ?: ""),
                                     .problems = problems ? strdup(problems) : NULL,
                                     .memory = UINT64_MAX,
                                     .uid = UINT64_MAX };
        return p->name && p->file && p->user && p->listen && (p->problems || !problems) ? 0 : -ENOMEM;
}

static int unitlist_on_pool(const char *file, const struct conf_pool *pool, void *userdata) {
        return unitlist_add(userdata, file, pool, NULL);
}

static int unitlist_on_broken(const char *file, const struct conf_pool *pool, const char *problems, void *userdata) {
        return unitlist_add(userdata, file, pool, problems);
}

static int unitlist_on_remark(const char *line, _unused_ void *userdata) {
        fputs(line, stderr);
        return 0;
}

int unitlist_read(struct unitlist *ret) {
        const struct poolfiles_visitor visitor = {
                .pool = unitlist_on_pool, .broken = unitlist_on_broken, .remark = unitlist_on_remark, .userdata = ret
        };
        _cleanup_unitsconf_ struct unitsconf conf = {};
        _cleanup_text_ struct text problems = {};
        int r;

        r = unitsconf_load(FPMD_SYSCONFDIR "/units.conf", &conf, &problems);
        fputs(text_peek(&problems), stderr);
        if (r == 0)
                r = poolfiles_visit(conf.folders, conf.n_folders, &visitor);
        if (r == 0)
                return 0;
        ctl_print_error("%s", strerror(-r));
        return -CTL_EXIT_FAILED;
}

/* "fpmd@NAME.service": the pool, and whether it is the service. */
static struct unitlist_pool *unitlist_find_unit(const struct unitlist *l, const char *unit, bool *ret_service) {
        const char *at = strchr(unit, '@'), *dot = strrchr(unit, '.');

        if (!at || !dot || dot < at)
                return NULL;
        *ret_service = text_equal(dot, ".service");
        return unitlist_find(l, at + 1, (size_t)(dot - at - 1));
}

/* Words in place of a number ("[not set]"), and the numbers that systemd has for none. */
static uint64_t unitlist_number(const char *value, uint64_t max) {
        uint64_t n;

        return number_parse_u64(value, max, &n) < 0 ? UINT64_MAX : n;
}

static void unitlist_take_service(struct unitlist_pool *p, const char *name, const char *value) {
        if (text_equal(name, "ActiveState"))
                snprintf(p->service, sizeof(p->service), "%s", value);
        else if (text_equal(name, "User"))
                snprintf(p->runs_as, sizeof(p->runs_as), "%s", value);
        else if (text_equal(name, "UID"))
                p->uid = unitlist_number(value, UINT32_MAX - 1);
        else if (text_equal(name, "MemoryCurrent"))
                p->memory = unitlist_number(value, UINT64_MAX);
}

static void unitlist_take_socket(struct unitlist_pool *p, const char *name, const char *value) {
        if (text_equal(name, "ActiveState"))
                snprintf(p->socket, sizeof(p->socket), "%s", value);
}

/* fpmd.service and fpmd.socket. */
static void unitlist_take_main(struct unitlist *l, const char *name, const char *value) {
        if (text_equal(name, "ActiveState"))
                l->main_listens |= text_equal(value, "active") || text_equal(value, "reloading");
        else if (text_equal(name, "User") && *value)
                snprintf(l->main_user, sizeof(l->main_user), "%s", value);
}

/* NAME=VALUE lines of one unit, in systemd's order, in which Id= is not the first. */
static void unitlist_take_unit(struct unitlist *l, char *block) {
        const char *id = text_has_prefix(block, "Id=") ? block : strstr(block, "\nId=");
        struct unitlist_pool *p;
        char *line, *name, unit[512];
        bool service = false, is_main;

        if (!id)
                return;
        id = strchr(id, '=') + 1;
        snprintf(unit, sizeof(unit), "%.*s", (int)strcspn(id, "\n"), id);
        p = unitlist_find_unit(l, unit, &service);
        is_main = text_equal(unit, "fpmd.service") || text_equal(unit, "fpmd.socket");
        while ((p || is_main) && (line = strsep(&block, "\n"))) {
                name = strsep(&line, "=");
                if (line && is_main)
                        unitlist_take_main(l, name, line);
                else if (line)
                        (service ? unitlist_take_service : unitlist_take_socket)(p, name, line);
        }
}

/* An empty line is between two units. */
static void unitlist_take_states(struct unitlist *l, char *text) {
        for (char *end; text; text = end) {
                end = strstr(text, "\n\n");
                if (end) {
                        *end = '\0';
                        end += 2;
                }
                unitlist_take_unit(l, text);
        }
}

/* Of a configuration with mistakes what reads. */
static int unitlist_look_at_main(struct unitlist *l) {
        const struct conf_options options = { .text_only = true, .no_environment = true, .units = FPMD_UNIT_FOLDERS };
        _cleanup_conf_ struct conf *conf = NULL;
        int r;

        r = conf_load_unchecked(CTL_CONFIG_DEFAULT, &options, &conf);
        for (size_t i = 0; r == 0 && i < conf->n_pools; i++) {
                const struct conf_pool *pool = &conf->pools[i];
                struct unitlist_pool *p = unitlist_find(l, pool->name, strlen(pool->name));

                if (p && pool->where.file && text_equal(p->file, pool->where.file))
                        p->is_read_by_main = true;
        }
        return r == -ENOMEM ? r : 0;
}

bool unitlist_is_shared(const struct unitlist *l, const struct unitlist_pool *p) {
        bool is_off = (!*p->service || text_equal(p->service, "inactive")) && !text_equal(p->socket, "active");

        return is_off && p->is_read_by_main && l->main_listens;
}

int unitlist_ask(struct unitlist *l) {
        static const char *const words[] = {
                "show",         "--all",          "--property=Id,ActiveState,MemoryCurrent,User,UID",
                "--",           "fpmd@*.service", "fpmd@*.socket",
                "fpmd.service", "fpmd.socket",    NULL
        };
        _cleanup_text_ struct text out = {};
        int r;

        r = systemctl_run(words, &out);
        if (r < 0)
                return r;
        if (r > 0 || out.failed) {
                ctl_print_error("systemd does not say what its units do: the line above says why");
                return -CTL_EXIT_UNAVAILABLE;
        }
        if (out.data)
                unitlist_take_states(l, out.data);
        if (unitlist_look_at_main(l) == 0)
                return 0;
        ctl_print_error("out of memory");
        return -CTL_EXIT_FAILED;
}
