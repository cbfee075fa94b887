/* SPDX-License-Identifier: MIT */
/*
 * Completion: afterwards the model holds effective values only, so that rules, dump, comparison and a pool's bytes need
 * to know nothing of how they came about. It changes nothing when it is done a second time.
 */

#include "conf/complete.h"

#include <errno.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conf.h"
#include "conf/rows.h"
#include "conf/values.h"
#include "log/access.h"

/* pm.process_idle_timeout of pm = ondemand, where it is not set. */
#define COMPLETE_IDLE_TIMEOUT (10 * USEC_PER_SEC)

/* pool.sleep_after of pm = ondemand, likewise. */
#define COMPLETE_SLEEP_AFTER (60 * USEC_PER_SEC)

#define COMPLETE_STATE_FOLDER "/var" /* of pid and error_log */

/* A field's new value, made of two parts. */
static int complete_with_folder(const struct conf_directive *d, void *section, const char *folder, const char *rest) {
        _cleanup_text_ struct text path = {}, reason = {};
        int r;

        text_printf(&path, "%s/%s", folder, rest);
        if (path.failed)
                return -ENOMEM;
        r = conf_value_set(d, section, text_peek(&path), &reason);
        return r > 0 ? -ENAMETOOLONG : r;
}

/* A global directive that no file has set. */
static int complete_unset(const struct conf_check *k, enum conf_global_row row, const char *value) {
        struct conf_global *g = &k->conf->global;
        _cleanup_text_ struct text reason = {};
        int r;

        if (!value || g->given[row].file)
                return 0;
        r = conf_value_set(&conf_global_directives[row], g, value, &reason);
        if (r > 0)
                conf_check_global_problem(k, row, text_peek(&reason));
        return MIN(r, 0);
}

/* What the command line and the program's name say where the files do not. */
static int complete_defaults(const struct conf_check *k) {
        const struct conf_options *o = k->options;
        int r;

        r = complete_unset(k, CONF_GLOBAL_pid, o->pid);
        if (r == 0)
                r = complete_unset(k, CONF_GLOBAL_daemonize, o->php_fpm ? "yes" : NULL);
        if (r == 0)
                r = complete_unset(k, CONF_GLOBAL_error_log, o->php_fpm ? "log/php-fpm.log" : NULL);
        if (r == 0)
                r = complete_unset(k, CONF_GLOBAL_syslog_ident, o->php_fpm ? "php-fpm" : NULL);
        if (r == 0)
                r = complete_unset(k, CONF_GLOBAL_systemd_interval, o->php_fpm ? "10s" : NULL);
        return r;
}

static int complete_global(const struct conf_check *k) {
        struct conf_global *g = &k->conf->global;

        for (size_t i = 0; i < _CONF_GLOBAL_MAX; i++) {
                const struct conf_directive *d = &conf_global_directives[i];
                const char *path;
                int r;

                if (d->type != CONF_TYPE_PATH)
                        continue;
                path = conf_value_text(d, g);
                if (!path || path[0] == '/' || (i == CONF_GLOBAL_error_log && text_equal(path, "syslog")))
                        continue;
                r = complete_with_folder(d, g, k->options->prefix ? k->options->prefix : COMPLETE_STATE_FOLDER, path);
                if (r == -ENAMETOOLONG)
                        conf_check_global_problem(k, (enum conf_global_row)i, "the path is too long");
                else if (r < 0)
                        return r;
        }
        return 0;
}

bool conf_complete_is_relative(const char *listen) {
        return listen[0] != '/' && !text_equal(listen, "systemd") &&
               (strchr(listen, '/') || (!strchr(listen, ':') && listen[strspn(listen, "0123456789")]));
}

const char *conf_complete_prefix(const struct conf_options *options) {
        return options->prefix ? options->prefix : "/usr";
}

static int complete_path(const struct conf_check *k, struct conf_pool *pool, enum conf_pool_row row) {
        const struct conf_directive *d = &conf_pool_directives[row];
        const char *path = conf_value_text(d, pool);
        int r;

        if (text_has_prefix(path, "$prefix")) {
                path += strlen("$prefix");
                path += *path == '/';
        }
        r = complete_with_folder(
                d, pool, row != CONF_POOL_prefix && pool->prefix ? pool->prefix : conf_complete_prefix(k->options),
                path);
        if (r == -ENAMETOOLONG)
                conf_check_problem(k, pool, row, "the path is too long");
        return r == -ENAMETOOLONG ? 0 : r;
}

static int complete_paths(const struct conf_check *k, struct conf_pool *pool) {
        for (size_t i = 0; i < _CONF_POOL_MAX; i++) {
                const struct conf_directive *d = &conf_pool_directives[i];
                const char *text;
                int r;

                if (d->type == CONF_TYPE_PATH) {
                        text = conf_value_text(d, pool);
                        if (!text || text[0] == '/' || (i == CONF_POOL_access_log && conf_is_journal(text)))
                                continue;
                } else if (i == CONF_POOL_listen || i == CONF_POOL_status_listen) {
                        text = conf_value_text(d, pool);
                        if (!text || !conf_complete_is_relative(text))
                                continue;
                } else
                        continue;
                r = complete_path(k, pool, (enum conf_pool_row)i);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Settings that add up when they are repeated, for PHP's start-up works them off one by one. */
static bool complete_adds_up(const char *key) {
        return text_equal(key, "extension") || text_equal(key, "disable_functions") ||
               text_equal(key, "disable_classes");
}

/* The setting that makes number i void: an admin one anywhere, or an earlier one of its kind. */
static const struct conf_php_setting *complete_beaten_by(const struct conf_pool *pool, size_t i) {
        const struct conf_php_setting *s = &pool->php_settings[i];

        for (size_t j = 0; j < pool->n_php_settings; j++) {
                const struct conf_php_setting *other = &pool->php_settings[j];

                if (j != i && text_equal(s->key, other->key) && (s->admin == other->admin ? j < i : (int)other->admin))
                        return other;
        }
        return NULL;
}

static int complete_php_settings(const struct conf_check *k, struct conf_pool *pool) {
        for (size_t i = pool->n_php_settings; i-- > 0;) {
                const struct conf_php_setting *s = &pool->php_settings[i], *other;
                int r;

                other = complete_adds_up(s->key) ? NULL : complete_beaten_by(pool, i);
                if (!other)
                        continue;
                r = conf_add_notice(k->conf, "[%s:%u] PHP setting '%s' has no effect: %s:%u has it already",
                                    s->where.file, s->where.line, s->key, other->where.file, other->where.line);
                if (r < 0)
                        return r;
                conf_remove_php_setting(pool, i);
        }
        return 0;
}

static int complete_env(const struct conf_check *k, struct conf_pool *pool) {
        for (size_t i = pool->env.n; i-- > 0;) {
                const struct conf_pair *pair = &pool->env.items[i];
                size_t j = 0;
                int r;

                while (!text_equal(pair->key, pool->env.items[j].key))
                        j++;
                if (j == i)
                        continue;
                r = conf_add_notice(k->conf, "[%s:%u] env[%s] has no effect: %s:%u has it already", pair->where.file,
                                    pair->where.line, pair->key, pool->env.items[j].where.file,
                                    pool->env.items[j].where.line);
                if (r < 0)
                        return r;
                conf_pairs_remove(&pool->env, i);
        }
        return 0;
}

static void complete_numbers(struct conf_pool *pool) {
        if (pool->pm == CONF_PM_ONDEMAND)
                pool->start_servers = pool->min_spare_servers = pool->max_spare_servers = 0;
        if (pool->request_slowlog_trace_depth == 0)
                pool->request_slowlog_trace_depth = 20;
        if (pool->pm == CONF_PM_ONDEMAND && pool->process_idle_timeout == 0 &&
            !pool->given[CONF_POOL_process_idle_timeout].file)
                pool->process_idle_timeout = COMPLETE_IDLE_TIMEOUT; /* with dynamic it acts only where it is set */
        if (pool->pm == CONF_PM_ONDEMAND && pool->sleep_after == 0 && !pool->given[CONF_POOL_sleep_after].file)
                pool->sleep_after = COMPLETE_SLEEP_AFTER;
        if (pool->pm != CONF_PM_DYNAMIC || pool->start_servers > 0 || pool->max_spare_servers < pool->min_spare_servers)
                return;
        pool->start_servers = pool->min_spare_servers + (pool->max_spare_servers - pool->min_spare_servers) / 2;
        pool->start_servers_worked_out = true;
}

static int complete_access_format(struct conf_pool *pool) {
        if (!pool->access_log || pool->access_format)
                return 0;
        pool->access_format = strdup(LOG_ACCESS_FORMAT_DEFAULT);
        return pool->access_format ? 0 : -ENOMEM;
}

/* A pool without a prefix has the command line's. */
static int complete_prefix(const struct conf_check *k, struct conf_pool *pool) {
        if (pool->prefix || !k->options->prefix)
                return 0;
        pool->prefix = strdup(k->options->prefix);
        return pool->prefix ? 0 : -ENOMEM;
}

static int complete_pool(const struct conf_check *k, struct conf_pool *pool) {
        int r;

        pool->listen_where = pool->given[CONF_POOL_listen];
        pool->is_of_many |= k->conf->n_pools >= CONF_POOLS_MANY; /* or was, when it was packed */
        r = complete_prefix(k, pool);
        if (r == 0)
                r = complete_paths(k, pool);
        if (r == 0)
                r = complete_php_settings(k, pool);
        if (r == 0)
                r = complete_env(k, pool);
        if (r == 0)
                r = complete_access_format(pool);
        complete_numbers(pool);
        return r;
}

int conf_complete(const struct conf_check *k) {
        int r;

        r = complete_defaults(k);
        if (r == 0)
                r = complete_global(k);
        for (size_t i = 0; r == 0 && i < k->conf->n_pools; i++)
                r = complete_pool(k, &k->conf->pools[i]);
        return r;
}
