/* SPDX-License-Identifier: MIT */
/*
 * Building, finding, freeing. Sections are made with the table's defaults in place, so a model is complete from birth
 * and what a loader does is only to overwrite. Arrays grow by one: a configuration has tens of entries.
 */

#include "conf/conf.h"

#include <errno.h>
#include <string.h>

#include "base/process.h"
#include "base/text.h"
#include "conf/rows.h"
#include "conf/values.h"

/* Room for one more element and the element after it (a terminator); the room is zeroed. */
static void *conf_grow(void *items, size_t n, size_t size) {
        char *p = reallocarray(items, n + 2, size);

        if (p)
                memset(p + n * size, 0, 2 * size);
        return p;
}

static int conf_add_string(char ***strings, const char *s, char **ret) {
        size_t n = 0;
        char **p;

        while (*strings && (*strings)[n])
                n++;
        p = conf_grow(*strings, n, sizeof(*p));
        if (!p)
                return -ENOMEM;
        *strings = p;
        p[n] = strdup(s);
        if (!p[n])
                return -ENOMEM;
        *ret = p[n];
        return 0;
}

static void conf_free_strings(char **strings) {
        for (char **s = strings; s && *s; s++)
                free(*s);
        free(strings);
}

struct conf *conf_new(void) {
        _cleanup_conf_ struct conf *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        for (size_t i = 0; i < _CONF_GLOBAL_MAX; i++)
                if (conf_value_init(&conf_global_directives[i], &c->global) < 0)
                        return NULL;
        c->by_name.any_case = true;
        c->files = calloc(1, sizeof(*c->files));
        c->notices = calloc(1, sizeof(*c->notices));
        if (!c->files || !c->notices)
                return NULL;
        return TAKE_PTR(c);
}

static void conf_pair_done(struct conf_pair *pair) {
        free(pair->key);
        free(pair->value);
        free(pair->source);
}

static void conf_php_setting_done(struct conf_php_setting *setting) {
        free(setting->key);
        free(setting->value);
}

static void conf_pairs_done(struct conf_pairs *pairs) {
        for (size_t i = 0; i < pairs->n; i++)
                conf_pair_done(&pairs->items[i]);
        free(pairs->items);
}

struct conf_pairs *conf_pool_pairs(struct conf_pool *pool, enum conf_array_kind kind) {
        switch (kind) {
        case CONF_ARRAY_ENV:
                return &pool->env;
        case CONF_ARRAY_SUPPRESS_PATH:
                return &pool->suppress_paths;
        case CONF_ARRAY_QUEUE_PRIORITY:
                return &pool->queue_priorities;
        case CONF_ARRAY_EXEC_BASEDIR:
                return &pool->exec_basedirs;
        case CONF_ARRAY_WARMUP:
                return &pool->warmups;
        case CONF_ARRAY_READ_PATH:
                return &pool->read_paths;
        case CONF_ARRAY_WRITE_PATH:
                return &pool->write_paths;
        default:
                return NULL;
        }
}

const struct conf_pairs *conf_pool_pairs_const(const struct conf_pool *pool, enum conf_array_kind kind) {
        return conf_pool_pairs((struct conf_pool *)pool, kind);
}

static void conf_pool_done(struct conf_pool *pool) {
        for (size_t i = 0; i < _CONF_POOL_MAX; i++)
                conf_value_clear(&conf_pool_directives[i], pool);
        for (enum conf_array_kind kind = 0; kind < _CONF_ARRAY_MAX; kind++)
                if (conf_pool_pairs(pool, kind))
                        conf_pairs_done(conf_pool_pairs(pool, kind));
        for (size_t i = 0; i < pool->n_php_settings; i++)
                conf_php_setting_done(&pool->php_settings[i]);
        free(pool->php_settings);
        free(pool->peer_uids);
        free(pool->name);
}

void conf_free(struct conf *c) {
        if (!c)
                return;
        for (size_t i = 0; i < _CONF_GLOBAL_MAX; i++)
                conf_value_clear(&conf_global_directives[i], &c->global);
        for (size_t i = 0; i < c->n_pools; i++)
                conf_pool_done(&c->pools[i]);
        names_done(&c->by_name);
        free(c->pools);
        conf_free_strings(c->files);
        conf_free_strings(c->notices);
        conf_free_strings(c->left);
        conf_free_strings(c->left_files);
        conf_free_strings(c->absent);
        conf_free_strings(c->absent_lines);
        free(c);
}

size_t conf_keep_pools(struct conf *c, bool (*keep)(void *ctx, const struct conf_pool *pool), void *ctx) {
        size_t n = 0;

        for (size_t i = 0; i < c->n_pools; i++)
                if (keep(ctx, &c->pools[i])) {
                        (void)names_put(&c->by_name, c->pools[i].name, n); /* it is there */
                        c->pools[n++] = c->pools[i];
                } else {
                        names_remove(&c->by_name, c->pools[i].name);
                        conf_pool_done(&c->pools[i]);
                }
        return c->n_pools = n;
}

const struct conf_pool *conf_find_section(const struct conf *c, const char *name) {
        size_t i;

        return names_find(&c->by_name, name, &i) ? &c->pools[i] : NULL;
}

const struct conf_pool *conf_find_pool(const struct conf *c, const char *name) {
        const struct conf_pool *pool = conf_find_section(c, name);

        return pool && text_equal(pool->name, name) ? pool : NULL;
}

unsigned conf_pool_shards(const struct conf_pool *pool) {
        return pool->listen_shards > 0 ? pool->listen_shards : MIN(process_n_cpus(), (unsigned)CONF_SHARDS_MAX);
}

const char *conf_pool_peers(const struct conf_pool *pool) {
        return pool->listen_peer_users ? pool->peer_uids ?: "" : NULL;
}

bool conf_pool_limits_queue(const struct conf_pool *pool) {
        return pool->queue_max_wait > 0 || pool->queue_max_length > 0 || pool->queue_priorities.n > 0;
}

int conf_add_pool(struct conf *c, const char *name, struct conf_where where, struct conf_pool **ret) {
        struct conf_pool *pools, *pool;

        pools = conf_grow(c->pools, c->n_pools, sizeof(*pools));
        if (!pools)
                return -ENOMEM;
        c->pools = pools;
        pool = &pools[c->n_pools++];
        pool->where = where;
        pool->name = strdup(name);
        if (!pool->name || names_put(&c->by_name, pool->name, c->n_pools - 1) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < _CONF_POOL_MAX; i++)
                if (conf_value_init(&conf_pool_directives[i], pool) < 0)
                        return -ENOMEM;
        *ret = pool;
        return 0;
}

int conf_add_file(struct conf *c, const char *path, const char **ret) {
        char *copy;
        int r;

        r = conf_add_string(&c->files, path, &copy);
        if (r < 0)
                return r;
        *ret = copy;
        return 0;
}

int conf_add_notice(struct conf *c, const char *fmt, ...) {
        _cleanup_text_ struct text line = {};
        va_list ap;
        char *copy;

        va_start(ap, fmt);
        text_vprintf(&line, fmt, ap);
        va_end(ap);
        return line.failed ? -ENOMEM : conf_add_string(&c->notices, text_peek(&line), &copy);
}

int conf_add_left(struct conf *c, const char *pool, const char *file) {
        char *copy;
        int r = conf_add_string(&c->left, pool, &copy);

        if (r == 0)
                r = conf_add_string(&c->left_files, file, &copy);

        return r < 0 ? r : conf_add_notice(c, "[pool %s] is left to fpmd@%s.socket, which is enabled", pool, pool);
}

int conf_add_absent(struct conf *c, const char *pool, const char *line) {
        char *copy;
        int r = conf_add_string(&c->absent, pool, &copy);

        return r < 0 ? r : conf_add_string(&c->absent_lines, line, &copy);
}

static bool conf_has_string(char *const *strings, const char *s) {
        for (; strings && *strings; strings++)
                if (text_equal(*strings, s))
                        return true;
        return false;
}

bool conf_is_absent(const struct conf *c, const char *pool) {
        return conf_has_string(c->absent, pool);
}

bool conf_is_left(const struct conf *c, const char *pool) {
        return conf_has_string(c->left, pool);
}

void conf_count_notices(struct conf *c, const struct text *problems) {
        if (problems->n > 0)
                return;
        c->n_noticed = 0;
        while (c->notices[c->n_noticed])
                c->n_noticed++;
}

int conf_pairs_add(struct conf_pairs *pairs, const char *key, const char *value, struct conf_where where) {
        struct conf_pair *items, *pair;

        items = conf_grow(pairs->items, pairs->n, sizeof(*items));
        if (!items)
                return -ENOMEM;
        pairs->items = items;
        pair = &items[pairs->n++];
        *pair = (struct conf_pair){ .key = strdup(key), .value = strdup(value), .where = where };
        return pair->key && pair->value ? 0 : -ENOMEM;
}

void conf_pairs_remove(struct conf_pairs *pairs, size_t i) {
        conf_pair_done(&pairs->items[i]);
        pairs->n--;
        memmove(&pairs->items[i], &pairs->items[i + 1], (pairs->n - i) * sizeof(pairs->items[0]));
}

int conf_add_php_setting(struct conf_pool *pool, const struct conf_php_setting *setting) {
        struct conf_php_setting *items, *added;

        items = conf_grow(pool->php_settings, pool->n_php_settings, sizeof(*items));
        if (!items)
                return -ENOMEM;
        pool->php_settings = items;
        added = &items[pool->n_php_settings++];
        *added = *setting;
        added->key = strdup(setting->key);
        added->value = strdup(setting->value);
        return added->key && added->value ? 0 : -ENOMEM;
}

void conf_remove_php_setting(struct conf_pool *pool, size_t i) {
        struct conf_php_setting *items = pool->php_settings;

        conf_php_setting_done(&items[i]);
        pool->n_php_settings--;
        memmove(&items[i], &items[i + 1], (pool->n_php_settings - i) * sizeof(*items));
}

enum conf_array_kind conf_php_setting_kind(const struct conf_php_setting *setting) {
        if (setting->admin)
                return setting->flag ? CONF_ARRAY_PHP_ADMIN_FLAG : CONF_ARRAY_PHP_ADMIN_VALUE;
        return setting->flag ? CONF_ARRAY_PHP_FLAG : CONF_ARRAY_PHP_VALUE;
}

struct conf_php_setting conf_php_setting_of(enum conf_array_kind kind, const char *key, const char *value,
                                            struct conf_where where) {
        return (struct conf_php_setting){
                .key = (char *)key,
                .value = (char *)value,
                .admin = kind == CONF_ARRAY_PHP_ADMIN_VALUE || kind == CONF_ARRAY_PHP_ADMIN_FLAG,
                .flag = kind == CONF_ARRAY_PHP_FLAG || kind == CONF_ARRAY_PHP_ADMIN_FLAG,
                .where = where,
        };
}

bool conf_is_journal(const char *path) {
        return text_equal(path, "journal") || text_equal(path, "syslog");
}
