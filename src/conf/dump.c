/* SPDX-License-Identifier: MIT */
/*
 * The model as text: a walk over the table, so that whatever a row describes is shown. Either text that can be loaded
 * again, or php-fpm's, which tells unset values as undefined and quotes nothing.
 */

#include "conf/dump.h"

#include <ctype.h>

#include "conf/conf.h"
#include "conf/ini.h"
#include "conf/rows.h"
#include "conf/values.h"

static void dump_value(const char *value, enum conf_dump_style style, struct text *out) {
        if (style == CONF_DUMP_PHP_FPM)
                text_append(out, value);
        else
                conf_ini_quote(value, out);
}

/* php-fpm's form of a value that has one of its own. */
static void dump_as_php_fpm(const struct conf_directive *d, const void *section, struct text *value) {
        if (d->type == CONF_TYPE_LEVEL)
                for (char *p = value->data; p && *p; p++)
                        *p = (char)toupper((unsigned char)*p);
        if (d->type == CONF_TYPE_FACILITY) {
                text_done(value);
                *value = (struct text){};
                text_printf(value, "%d", *(const int *)((const char *)section + d->offset));
        }
}

/* The directive that a PHP setting is shown as: php-fpm does not keep that it was a flag. */
static const char *dump_php_name(const struct conf_php_setting *s, enum conf_dump_style style) {
        enum conf_array_kind kind = conf_php_setting_kind(s);

        if (style == CONF_DUMP_PHP_FPM)
                kind = s->admin ? CONF_ARRAY_PHP_ADMIN_VALUE : CONF_ARRAY_PHP_VALUE;
        return conf_pool_arrays[kind].name;
}

static void dump_row(const struct conf_directive *d, const void *section, enum conf_dump_style style,
                     struct text *out) {
        _cleanup_text_ struct text value = {};

        if (style == CONF_DUMP_PHP_FPM && d->acts == CONF_ACTS_OWN && conf_value_is_initial(d, section))
                return; /* where one is set, that matters more */
        if (!conf_value_is_set(d, section)) {
                text_printf(out, style == CONF_DUMP_PHP_FPM ? "\t%s = undefined\n" : "\t;%s =\n", d->name);
                return;
        }
        conf_value_format(d, section, &value);
        if (style == CONF_DUMP_PHP_FPM)
                dump_as_php_fpm(d, section, &value);
        text_printf(out, "\t%s = ", d->name);
        if (d->type == CONF_TYPE_STRING || d->type == CONF_TYPE_PATH || d->type == CONF_TYPE_WORDS)
                dump_value(text_peek(&value), style, out);
        else
                text_append(out, text_peek(&value));
        text_append_c(out, '\n');
        out->failed |= value.failed;
}

static void dump_entry(const char *name, const char *key, const char *value, enum conf_dump_style style,
                       struct text *out) {
        text_printf(out, "\t%s[", name);
        if (*key)
                dump_value(key, style, out);
        text_append(out, "] = ");
        dump_value(value, style, out);
        text_append_c(out, '\n');
}

/* pairs NULL: none. */
static void dump_pairs(const char *name, const struct conf_pairs *pairs, enum conf_dump_style style, struct text *out) {
        for (size_t i = 0; pairs && i < pairs->n; i++)
                dump_entry(name, pairs->items[i].key, pairs->items[i].source ?: pairs->items[i].value, style, out);
}

static void dump_pool(const struct conf_pool *pool, enum conf_dump_style style, struct text *out) {
        text_printf(out, "%s\n[%s]\n", style == CONF_DUMP_PHP_FPM ? " " : "", pool->name);
        for (size_t i = 0; i < _CONF_POOL_MAX; i++)
                dump_row(&conf_pool_directives[i], pool, style, out);
        for (enum conf_array_kind kind = 0; kind < _CONF_ARRAY_MAX; kind++)
                dump_pairs(conf_pool_arrays[kind].name, conf_pool_pairs_const(pool, kind), style, out);
        for (size_t i = 0; i < pool->n_php_settings; i++)
                dump_entry(dump_php_name(&pool->php_settings[i], style), pool->php_settings[i].key,
                           pool->php_settings[i].value, style, out);
}

void conf_dump(const struct conf *c, enum conf_dump_style style, struct text *out) {
        text_append(out, "[global]\n");
        for (size_t i = 0; i < _CONF_GLOBAL_MAX; i++)
                dump_row(&conf_global_directives[i], &c->global, style, out);
        for (size_t i = 0; i < c->n_pools; i++)
                dump_pool(&c->pools[i], style, out);
        if (style == CONF_DUMP_PHP_FPM)
                text_append(out, " \n");
}

static void dump_ignored_row(const struct conf_directive *d, const void *section, const struct conf_where *given,
                             struct text *out) {
        if (d->acts == CONF_ACTS_NEVER && given->file)
                text_printf(out, "[%s:%u] directive '%s': accepted, and without effect\n", given->file, given->line,
                            d->name);
}

static void dump_ignored_pool(const struct conf_pool *pool, struct text *out) {
        for (size_t i = 0; i < _CONF_POOL_MAX; i++)
                dump_ignored_row(&conf_pool_directives[i], pool, &pool->given[i], out);
}

void conf_dump_ignored(const struct conf *c, struct text *out) {
        for (size_t i = 0; i < _CONF_GLOBAL_MAX; i++)
                dump_ignored_row(&conf_global_directives[i], &c->global, &c->global.given[i], out);
        for (size_t i = 0; i < c->n_pools; i++)
                dump_ignored_pool(&c->pools[i], out);
}
