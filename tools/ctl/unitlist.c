/* SPDX-License-Identifier: MIT */
/* Files are read as fpmd-generator reads them, and the first of a name is the one, as there. */

#include "unitlist.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/load.h"
#include "conf/ownunit.h"
#include "ctl.h"
#include "units/instance.h"
#include "units/poolfiles.h"
#include "units/socketunit.h"
#include "units/unitsconf.h"

void unitlist_done(struct unitlist *l) {
        for (size_t i = 0; i < l->n; i++) {
                free(l->pools[i].name);
                free(l->pools[i].file);
                free(l->pools[i].user);
                free(l->pools[i].group);
                free(l->pools[i].listen);
                free(l->pools[i].problems);
                free(l->pools[i].address);
                free(l->pools[i].unit_listen);
                free(l->pools[i].main_listen);
        }
        free(l->pools);
        free(l->main_sockets);
        names_done(&l->places);
        names_done(&l->at);
        *l = (struct unitlist){};
}

struct unitlist_pool *unitlist_find(const struct unitlist *l, const char *name) {
        size_t place;

        return names_find(&l->places, name, &place) ? &l->pools[place] : NULL;
}

static int unitlist_add_address(struct unitlist *l, struct unitlist_pool *p) {
        char address[CONF_PATH_BYTES + 1];
        size_t place;

        if (!*p->listen || socketunit_address(p->listen, address) != 0)
                return 0;
        p->address = strdup(address);
        if (!p->address)
                return -ENOMEM;
        p->same = names_find(&l->at, address, &place) ? place + 1 : 0;
        return names_put(&l->at, p->address, (size_t)(p - l->pools));
}

static int unitlist_add(struct unitlist *l, const char *file, const struct conf_pool *pool, const char *problems) {
        struct unitlist_pool *pools, *p;
        int r;

        if (instance_name_error(pool->name) || unitlist_find(l, pool->name) ||
            (l->pool_name && !text_equal(l->pool_name, pool->name)))
                return 0;
        pools = reallocarray(l->pools, l->n + 1, sizeof(*pools));
        if (!pools)
                return -ENOMEM;
        l->pools = pools;
        p = &pools[l->n++];
        *p = (struct unitlist_pool){ .name = strdup(pool->name),
                                     .file = strdup(file),
                                     .user = strdup(pool->user ?: ""),
                                     .group = strdup(pool->group ?: ""),
                                     .listen = strdup(pool->listen ?: ""),
                                     .problems = problems ? strdup(problems) : NULL,
                                     .memory = UINT64_MAX,
                                     .uid = UINT64_MAX };
        if (!p->name || !p->file || !p->user || !p->group || !p->listen || (problems && !p->problems))
                return -ENOMEM;
        r = names_put(&l->places, p->name, l->n - 1);
        return r < 0 ? r : unitlist_add_address(l, p);
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

int unitlist_read(const char *name, struct unitlist *ret) {
        const struct poolfiles_visitor visitor = { .pool_name = name,
                                                   .pool = unitlist_on_pool,
                                                   .broken = unitlist_on_broken,
                                                   .remark = unitlist_on_remark,
                                                   .userdata = ret };
        _cleanup_unitsconf_ struct unitsconf conf = {};
        _cleanup_text_ struct text problems = {};
        int r;

        ret->pool_name = name;
        r = unitsconf_load(FPMD_SYSCONFDIR "/units.conf", &conf, &problems);
        fputs(text_peek(&problems), stderr);
        if (r == 0)
                r = poolfiles_visit(conf.folders, conf.n_folders, &visitor);
        if (r == 0)
                return 0;
        ctl_print_error("%s", strerror(-r));
        return -CTL_EXIT_FAILED;
}

struct unitlist_pool *unitlist_add_stray(struct unitlist *l, char *name) {
        struct conf_pool pool = { .name = name };
        char file[PATH_MAX];
        size_t n = l->n;

        snprintf(file, sizeof(file), FPMD_SYSCONFDIR "/instances/%s.conf", name);
        if (unitlist_add(l, access(file, F_OK) == 0 ? file : "", &pool, NULL) < 0 || l->n == n)
                return NULL;
        l->pools[l->n - 1].is_stray = true;
        return &l->pools[l->n - 1];
}

/* Of one that does not read: the files that it has as it is shipped, and that are not left to units. */
static void unitlist_guess_main(struct unitlist *l) {
        _cleanup_ownunits_ struct conf_ownunits units = {};

        (void)conf_ownunit_read(FPMD_UNIT_FOLDERS, &units); /* which are not there, else */
        for (size_t i = 0; i < l->n; i++)
                l->pools[i].is_read_by_main = text_has_prefix(l->pools[i].file, FPMD_SYSCONFDIR "/pool.d/") &&
                                              !conf_ownunit_has(&units, l->pools[i].name);
}

int unitlist_look_at_main(struct unitlist *l) {
        const struct conf_options options = { .text_only = true, .no_environment = true, .units = FPMD_UNIT_FOLDERS };
        _cleanup_conf_ struct conf *conf = NULL;
        int r;

        if (!l->main_runs && !l->main_listens)
                return 0;
        r = conf_load_unchecked(CTL_CONFIG_DEFAULT, &options, &conf);
        if (r > 0)
                unitlist_guess_main(l);
        for (size_t i = 0; r == 0 && i < conf->n_pools; i++) {
                const struct conf_pool *pool = &conf->pools[i];
                struct unitlist_pool *p = unitlist_find(l, pool->name);

                if (p && pool->where.file && text_equal(p->file, pool->where.file))
                        p->is_read_by_main = true;
        }
        return r == -ENOMEM ? r : 0;
}

bool unitlist_is_off(const struct unitlist_pool *p) {
        return (!*p->service || text_equal(p->service, "inactive")) && !text_equal(p->socket, "active");
}

bool unitlist_is_shared(const struct unitlist *l, const struct unitlist_pool *p) {
        return unitlist_is_off(p) && p->is_read_by_main && (l->main_listens ? p->has_main_socket : l->main_runs);
}

const char *unitlist_address(const struct unitlist_pool *p, char buf[static CONF_PATH_BYTES + 1]) {
        if (p->unit_listen && (!*p->listen || text_equal(p->listen, "systemd")))
                return p->unit_listen;
        return *p->listen && instance_address(p->name, p->listen, buf) == 0 ? buf : p->listen;
}
