/* SPDX-License-Identifier: MIT */
/*
 * Pools of all configurations that a service of this machine reads: fpmd's own, the folders of units.conf whose pools
 * are units, and php-fpm's where the package's service runs fpmd. A configuration with mistakes tells its pools as far
 * as it can be read.
 */

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/account.h"
#include "base/text.h"
#include "conf/load.h"
#include "conf/ownunit.h"
#include "doctor/collect.h"
#include "units/poolfiles.h"
#include "units/unitsconf.h"

static const char *pools_opcache_off(struct doctor_facts *f, const struct conf_pool *pool) {
        for (size_t i = 0; i < pool->n_php_settings; i++) {
                const struct conf_php_setting *s = &pool->php_settings[i];

                if (text_equal(s->key, "opcache.enable") && text_equal(s->value, "0"))
                        return doctor_facts_print(f, "%s:%u", s->where.file ? s->where.file : "", s->where.line);
        }
        return "";
}

static const char *pools_php_value(const struct conf_pool *pool, const char *key) {
        for (size_t i = 0; i < pool->n_php_settings; i++)
                if (text_equal(pool->php_settings[i].key, key))
                        return pool->php_settings[i].value;
        return "";
}

static const char *pools_exec_basedirs(struct doctor_facts *f, const struct conf_pool *pool) {
        _cleanup_text_ struct text out = {};

        for (size_t i = 0; i < pool->exec_basedirs.n; i++)
                text_printf(&out, "%s%s", i > 0 ? ":" : "", pool->exec_basedirs.items[i].value);
        return doctor_facts_keep(f, text_peek(&out));
}

/* A worker's user is the pool's where its master is root, else the unit's. */
static const char *pools_user(struct doctor_facts *f, const struct conf_pool *pool, const char *unit) {
        const struct doctor_unit *u = doctor_facts_find_unit(f, unit);

        if (u && *u->user)
                return u->user;
        return pool->user ? doctor_facts_keep(f, pool->user) : "";
}

/* listen = systemd: the address is the socket unit's. */
static const char *pools_listen(struct doctor_facts *f, const struct conf_pool *pool, const char *unit) {
        const struct doctor_unit *socket;

        if (!text_equal(pool->listen, "systemd"))
                return doctor_facts_keep(f, pool->listen);
        socket = doctor_facts_find_unit(
                f, doctor_facts_print(f, "%.*s.socket", (int)(strlen(unit) - strlen(".service")), unit));
        return socket ? socket->listen : "";
}

/* The most workers that all pools of a service have; 0: no limit. */
static unsigned pools_service_max(const struct conf_global *g) {
        unsigned budget = (unsigned)g->pool_budget, max = (unsigned)g->process_max;

        return budget > 0 && max > 0 ? MIN(budget, max) : MAX(budget, max);
}

static void pools_add(struct doctor_facts *f, const struct conf_pool *pool, const char *unit, unsigned service_max) {
        const char *strings = pools_php_value(pool, "opcache.interned_strings_buffer");
        struct doctor_pool *p = doctor_facts_add_pool(f);

        if (!p)
                return;
        p->name = doctor_facts_keep(f, pool->name);
        p->file = doctor_facts_keep(f, pool->where.file);
        p->line = pool->where.line;
        p->listen = pools_listen(f, pool, unit);
        p->unit = doctor_facts_keep(f, unit);
        p->user = pools_user(f, pool, unit);
        p->max_children = pool->max_children > 0 ? (unsigned)pool->max_children : 0;
        p->service_max = service_max;
        p->backlog = pool->listen_backlog;
        p->has_chroot = pool->chroot;
        if (!pool->chroot) { /* else folders are other ones inside */
                p->open_basedir = doctor_facts_keep(f, pools_php_value(pool, "open_basedir"));
                p->exec_basedirs = pools_exec_basedirs(f, pool);
        }
        p->opcache_off = pools_opcache_off(f, pool);
        p->is_of_many = pool->is_of_many;
        p->says_strings = *strings;
        p->opcache_strings = (unsigned)MAX(atoi(strings), 0);
}

static void pools_add_file(struct doctor_facts *f, const char *path, const char *unit) {
        struct doctor_file *file;
        struct stat st;

        if (stat(path, &st) < 0)
                return;
        file = doctor_facts_add_file(f);
        if (!file)
                return;
        file->path = doctor_facts_keep(f, path);
        file->unit = doctor_facts_keep(f, unit);
        file->written = (uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC + (uint64_t)st.st_mtim.tv_nsec / 1000;
}

/* A file whose pools are all left to their units, which have it. */
static bool pools_is_left(const struct conf *conf, const char *path) {
        for (size_t i = 0; i < conf->n_pools; i++)
                if (text_equal(conf->pools[i].where.file, path))
                        return false;
        for (char *const *file = conf->left_files; file && *file; file++)
                if (text_equal(*file, path))
                        return true;
        return false;
}

/* A configuration's pools, and its files. */
static void pools_load(struct doctor_facts *f, const char *path, const char *unit, bool as_root) {
        const struct doctor_unit *u = doctor_facts_find_unit(f, unit);
        const struct conf_options options = { .testing = true,
                                              .running_as_root = as_root,
                                              .keeps_user = u && *u->user && !account_is_root_user(u->user),
                                              .no_environment = true,
                                              .units = text_equal(path, FPMD_SYSCONFDIR "/fpmd.conf")
                                                               ? FPMD_UNIT_FOLDERS
                                                               : NULL };
        _cleanup_text_ struct text problems = {};
        _cleanup_conf_ struct conf *conf = NULL;
        int r;

        r = conf_load(path, &options, &conf, &problems);
        if (r == CONF_E_INVALID) {
                doctor_facts_add_problems(f, text_peek(&problems));
                r = conf_load_unchecked(path, &options, &conf);
                f->lacks_pools |= r != 0;
        }
        if (r < 0)
                doctor_facts_unseen(f, path, strerror(-r));
        if (r != 0 || !conf)
                return;
        for (size_t i = 0; i < conf->n_pools; i++)
                pools_add(f, &conf->pools[i], unit, pools_service_max(&conf->global));
        for (size_t i = 0; conf->files && conf->files[i]; i++)
                if (!pools_is_left(conf, conf->files[i]))
                        pools_add_file(f, conf->files[i], unit);
}

/* fpmd.service has the pool, and does not leave it to its unit. */
static bool pools_is_elsewhere(const struct doctor_facts *f, const char *file, const struct conf_pool *pool) {
        for (size_t i = 0; i < f->n_pools; i++)
                if (text_equal(f->pools[i].name, pool->name) && text_equal(f->pools[i].file, file))
                        return true;
        return false;
}

/* Pools of units.conf's folders. */
struct pools_visit {
        struct doctor_facts *facts;
        struct conf_ownunits own;
};

static int pools_on_instance(const char *file, const struct conf_pool *pool, void *userdata) {
        const struct pools_visit *visit = userdata;
        struct doctor_facts *f = visit->facts;
        const char *unit = doctor_facts_print(f, "fpmd@%s.service", pool->name);

        if (pools_is_elsewhere(f, file, pool))
                return 0;
        if (f->lacks_pools && text_has_prefix(file, FPMD_SYSCONFDIR "/pool.d/") &&
            !conf_ownunit_has(&visit->own, pool->name))
                unit = "fpmd.service"; /* whose fpmd.conf cannot be read, and has these files */
        pools_add(f, pool, unit, 0);
        pools_add_file(f, file, unit);
        return 0;
}

static int pools_on_broken(const char *file, const struct conf_pool *pool, const char *problems, void *userdata) {
        const struct pools_visit *visit = userdata;

        pools_on_instance(file, pool, userdata);
        doctor_facts_add_problems(visit->facts, problems);
        return 0;
}

static int pools_on_remark(const char *line, void *userdata) {
        const struct pools_visit *visit = userdata;

        doctor_facts_add_problems(visit->facts, line);
        return 0;
}

static void pools_collect_instances(struct doctor_facts *f) {
        struct pools_visit visit = { .facts = f };
        const struct poolfiles_visitor visitor = {
                .pool = pools_on_instance, .broken = pools_on_broken, .remark = pools_on_remark, .userdata = &visit
        };
        _cleanup_unitsconf_ struct unitsconf conf = {};
        _cleanup_text_ struct text problems = {};
        int r;

        r = unitsconf_load(FPMD_SYSCONFDIR "/units.conf", &conf, &problems);
        doctor_facts_add_problems(f, text_peek(&problems));
        (void)conf_ownunit_read(FPMD_UNIT_FOLDERS, &visit.own); /* it has none, else */
        if (r == 0)
                r = poolfiles_visit(conf.folders, conf.n_folders, &visitor);
        conf_ownunit_done(&visit.own);
        if (r < 0)
                doctor_facts_unseen(f, FPMD_SYSCONFDIR "/units.conf", strerror(-r));
}

/* Debian's service with fpmd's drop-in: "php8.2-fpm.service" reads /etc/php/8.2/fpm. */
static void pools_collect_php_fpm(struct doctor_facts *f) {
        glob_t found = {};

        if (glob("/etc/systemd/system/php*-fpm.service.d/fpmd.conf", 0, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++) {
                        char version[16] = "";

                        if (sscanf(found.gl_pathv[i], "/etc/systemd/system/php%15[0-9.]-fpm", version) == 1)
                                pools_load(f, doctor_facts_print(f, "/etc/php/%s/fpm/php-fpm.conf", version),
                                           doctor_facts_print(f, "php%s-fpm.service", version), true);
                }
        globfree(&found);
}

/* A pool of units.conf's folders, or a configuration in /etc/fpmd/instances. */
static bool pools_has_file(const struct doctor_facts *f, const char *pool) {
        char path[PATH_MAX];

        for (size_t i = 0; i < f->n_pools; i++)
                if (text_equal(f->pools[i].name, pool))
                        return true;
        snprintf(path, sizeof(path), FPMD_SYSCONFDIR "/instances/%s.conf", pool);
        return access(path, F_OK) == 0;
}

static void pools_find_gone(struct doctor_facts *f) {
        for (size_t i = 0; i < f->n_units; i++) {
                const char *name = f->units[i].name, *dot = strrchr(name, '.');
                _cleanup_text_ struct text pool = {};

                if (!text_has_prefix(name, "fpmd@") || !dot)
                        continue;
                text_append_n(&pool, name + strlen("fpmd@"), (size_t)(dot - name) - strlen("fpmd@"));
                f->units[i].is_gone = !f->lacks_pools && !pools_has_file(f, text_peek(&pool));
        }
}

void doctor_pools_collect(struct doctor_facts *f, const char *config) {
        f->config = doctor_facts_keep(f, config ? config : FPMD_SYSCONFDIR "/fpmd.conf");
        pools_load(f, f->config, "fpmd.service", false);
        if (config)
                return;
        pools_collect_instances(f);
        pools_collect_php_fpm(f);
        pools_find_gone(f);
}
