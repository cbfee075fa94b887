/* SPDX-License-Identifier: MIT */
/*
 * One pool as bytes: a magic word, then records of three texts, each ended by a NUL: what kind, which, the value as a
 * file would say it. The master writes them into a sealed memfd, the pool's zygote reads them: both are of one build,
 * but the reader goes through the same parser and the same checks as for a file.
 *
 *     "pool" "www" ""     "where" "/etc/x.conf" "12"     "global" "log_level" "notice"     "set" "pm" "static"
 *     "at" "/etc/x.conf" "19"     "env" "PATH" "/bin"     "php_admin_flag" "log_errors" "1"
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/number.h"
#include "conf/boolean.h"
#include "conf/check.h"
#include "conf/load.h"
#include "conf/pack.h"
#include "conf/rows.h"
#include "conf/rules.h"
#include "conf/values.h"

#define PACK_BYTES_MAX ((size_t)16 << 20)

static const char magic[] = "fpmd-pool-1";

static void pack_put(struct text *out, const char *s) {
        text_append_n(out, s, strlen(s) + 1);
}

static void pack_put_record(struct text *out, const char *kind, const char *name, const char *value) {
        pack_put(out, kind);
        pack_put(out, name);
        pack_put(out, value);
}

static void pack_put_row(struct text *out, const char *kind, const struct conf_directive *d, const void *section) {
        _cleanup_text_ struct text value = {};

        if (!conf_value_is_set(d, section))
                return;
        conf_value_format(d, section, &value);
        pack_put_record(out, kind, d->name, text_peek(&value));
        out->failed |= value.failed;
}

static void pack_put_where(struct text *out, const char *kind, const struct conf_where *w) {
        char line[16];

        if (!w->file)
                return;
        snprintf(line, sizeof(line), "%u", w->line);
        pack_put_record(out, kind, w->file, line);
}

/* pairs NULL: none. */
static void pack_put_pairs(struct text *out, const char *name, const struct conf_pairs *pairs) {
        for (size_t i = 0; pairs && i < pairs->n; i++) {
                const struct conf_pair *pair = &pairs->items[i];

                pack_put_where(out, "at", &pair->where);
                pack_put_record(out, name, pair->key, pair->value);
                if (pair->source)
                        pack_put_record(out, "env_source", pair->key, pair->source);
        }
}

int conf_pack_pool(const struct conf *c, const struct conf_pool *pool, char **ret, size_t *ret_n) {
        _cleanup_text_ struct text out = {};

        pack_put(&out, magic);
        pack_put_record(&out, "pool", pool->name, "");
        pack_put_where(&out, "where", &pool->where);
        pack_put_where(&out, "listen_where", &pool->listen_where);
        if (pool->is_of_many)
                pack_put_record(&out, "of_many", "", "");
        for (size_t i = 0; i < _CONF_GLOBAL_MAX; i++)
                pack_put_row(&out, "global", &conf_global_directives[i], &c->global);
        for (size_t i = 0; i < _CONF_POOL_MAX; i++)
                pack_put_row(&out, "set", &conf_pool_directives[i], pool);
        if (pool->peer_uids)
                pack_put_record(&out, "peer_uids", "", pool->peer_uids);
        for (enum conf_array_kind kind = 0; kind < _CONF_ARRAY_MAX; kind++)
                pack_put_pairs(&out, conf_pool_arrays[kind].name, conf_pool_pairs_const(pool, kind));
        for (size_t i = 0; i < pool->n_php_settings; i++) {
                const struct conf_php_setting *s = &pool->php_settings[i];

                pack_put_where(&out, "at", &s->where);
                pack_put_record(&out, conf_pool_arrays[conf_php_setting_kind(s)].name, s->key, s->value);
        }
        return text_finish(&out, ret, ret_n);
}

struct reader {
        const char *p;
        const char *end;
        struct conf *conf;
        struct conf_pool *pool; /* NULL before its record */
        struct conf_where at;   /* of the next array directives; file NULL: the pool's */
};

static const char *pack_get(struct reader *k) {
        const char *s = k->p, *nul = memchr(s, '\0', (size_t)(k->end - s));

        if (!nul)
                return NULL;
        k->p = nul + 1;
        return s;
}

static int pack_take_row(const struct conf_directive *rows, int i, void *section, const char *value) {
        _cleanup_text_ struct text reason = {};
        int r = i < 0 ? CONF_E_INVALID : conf_value_set(&rows[i], section, value, &reason);

        return r > 0 ? CONF_E_INVALID : r;
}

/* It was worked out when it was packed, and stays what it is: a value that was not given has its default by then. */
static int pack_take_pool_row(struct conf_pool *pool, int i, const char *value) {
        int r = pack_take_row(conf_pool_directives, i, pool, value);

        if (r == 0 && i != CONF_POOL_listen)
                pool->given[i] = pool->where;
        return r;
}

static int pack_take_where(struct reader *k, const char *file, const char *value, struct conf_where *ret) {
        uint64_t line;

        if (number_parse_u64(value, UINT32_MAX, &line) < 0)
                return CONF_E_INVALID;
        ret->line = (unsigned)line;
        if (ret->file && text_equal(ret->file, file))
                return 0;
        return conf_add_file(k->conf, file, &ret->file);
}

static int pack_take_env_source(struct conf_pool *pool, const char *key, const char *source) {
        struct conf_pair *last = pool->env.n > 0 ? &pool->env.items[pool->env.n - 1] : NULL;

        if (!last || last->source || !text_equal(last->key, key))
                return CONF_E_INVALID;
        last->source = strdup(source);
        return last->source ? 0 : -ENOMEM;
}

static int pack_take_peers(struct conf_pool *pool, const char *uids) {
        if (pool->peer_uids || uids[strspn(uids, "0123456789 ")])
                return CONF_E_INVALID;
        pool->peer_uids = strdup(uids);
        return pool->peer_uids ? 0 : -ENOMEM;
}

static int pack_take_array(struct reader *k, int kind, const char *key, const char *value) {
        struct conf_where where = k->at.file ? k->at : k->pool->where;
        struct conf_php_setting setting;
        struct conf_pairs *pairs;
        bool on;

        if (kind < 0)
                return CONF_E_INVALID;
        pairs = conf_pool_pairs(k->pool, (enum conf_array_kind)kind);
        if (pairs)
                return conf_pairs_add(pairs, key, value, where);
        setting = conf_php_setting_of((enum conf_array_kind)kind, key, value, where);
        if (setting.flag && conf_boolean_parse(value, &on) < 0)
                return CONF_E_INVALID;
        return conf_add_php_setting(k->pool, &setting);
}

/* 0; CONF_E_INVALID; -ENOMEM. */
static int pack_take(struct reader *k, const char *kind, const char *name, const char *value) {
        if (text_equal(kind, "pool"))
                return k->pool || !*name ? CONF_E_INVALID
                                         : conf_add_pool(k->conf, name, (struct conf_where){}, &k->pool);
        if (text_equal(kind, "global"))
                return pack_take_row(conf_global_directives, conf_rows_find_global(name), &k->conf->global, value);
        if (!k->pool)
                return CONF_E_INVALID;
        if (text_equal(kind, "set"))
                return pack_take_pool_row(k->pool, conf_rows_find_pool(name), value);
        if (text_equal(kind, "where"))
                return pack_take_where(k, name, value, &k->pool->where);
        if (text_equal(kind, "listen_where"))
                return pack_take_where(k, name, value, &k->pool->given[CONF_POOL_listen]);
        if (text_equal(kind, "peer_uids"))
                return pack_take_peers(k->pool, value);
        if (text_equal(kind, "of_many")) {
                k->pool->is_of_many = true;
                return 0;
        }
        if (text_equal(kind, "env_source"))
                return pack_take_env_source(k->pool, name, value);
        if (text_equal(kind, "at"))
                return pack_take_where(k, name, value, &k->at);
        return pack_take_array(k, conf_rows_find_array(kind), name, value);
}

static int pack_read_records(struct reader *k) {
        const char *first = pack_get(k);

        if (!first || !text_equal(first, magic))
                return CONF_E_INVALID;
        while (k->p < k->end) {
                const char *kind = pack_get(k), *name = kind ? pack_get(k) : NULL, *value = name ? pack_get(k) : NULL;
                int r;

                r = value ? pack_take(k, kind, name, value) : CONF_E_INVALID;
                if (r != 0)
                        return r;
        }
        return k->pool && k->pool->where.file ? 0 : CONF_E_INVALID;
}

int conf_pack_take(const char *data, size_t n, struct conf **ret, struct text *problems) {
        static const struct conf_options options = { .text_only = true };
        _cleanup_conf_ struct conf *c = conf_new();
        struct reader k = { .p = data, .end = data + n, .conf = c };
        size_t n_before = problems->n;
        int r;

        if (!c)
                return -ENOMEM;
        r = pack_read_records(&k);
        if (r == CONF_E_INVALID)
                text_append(problems, "these bytes are no settings of a pool\n");
        else if (r == 0)
                r = conf_rules_check(c, &options, problems);
        if (r < 0)
                return r;
        if (problems->failed)
                return -ENOMEM;
        if (r > 0 || problems->n > n_before)
                return CONF_E_INVALID;
        *ret = TAKE_PTR(c);
        return 0;
}

int conf_pack_read(int fd, struct conf **ret, struct text *problems) {
        _cleanup_free_ char *data = NULL;
        size_t n;
        int r;

        r = fd_read_all(fd, PACK_BYTES_MAX, &data, &n);
        if (r == 0)
                r = conf_pack_take(data, n, ret, problems);
        fd_close(fd);
        return r > 0 ? -EBADMSG : r;
}
