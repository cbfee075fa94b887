/* SPDX-License-Identifier: MIT */
/*
 * Lines into the model: which section they are in, which directive they name, and where in the table it
 * stands. A line that cannot be taken becomes a problem, and the next one is looked at. Files are none of its business.
 */

#include "conf/entries.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "conf/boolean.h"
#include "conf/conf.h"
#include "conf/credential.h"
#include "conf/rows.h"
#include "conf/values.h"
#include "conf/warmup.h"

_printf_(3, 0) static void entries_tell(struct conf_entries *e, bool place, const char *fmt, va_list ap) {
        if (++e->n_problems > CONF_ENTRIES_PROBLEMS_MAX)
                return;
        if (place)
                text_printf(e->problems, "[%s:%u] ", e->where.file, e->where.line);
        text_vprintf(e->problems, fmt, ap);
        text_append_c(e->problems, '\n');
}

void conf_entries_problem(struct conf_entries *e, const char *fmt, ...) {
        va_list ap;

        va_start(ap, fmt);
        entries_tell(e, true, fmt, ap);
        va_end(ap);
}

void conf_entries_bare_problem(struct conf_entries *e, const char *fmt, ...) {
        va_list ap;

        va_start(ap, fmt);
        entries_tell(e, false, fmt, ap);
        va_end(ap);
}

void conf_entries_explain(struct conf_entries *e, const char *name, const char *fmt, ...) {
        va_list ap;

        if (e->n_problems > CONF_ENTRIES_PROBLEMS_MAX)
                return;
        text_printf(e->problems, "[%s:%u] directive '%s': ", e->where.file, e->where.line, name);
        va_start(ap, fmt);
        text_vprintf(e->problems, fmt, ap);
        va_end(ap);
        text_append_c(e->problems, '\n');
}

/* The pool whose section it is. */
static struct conf_pool *entries_pool(struct conf_entries *e) {
        return &e->conf->pools[e->pool];
}

static bool entries_valid_pool_name(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > CONF_POOL_NAME_MAX)
                return false;
        for (; *name; name++)
                if ((unsigned char)*name < ' ' || *name == 0x7f || strchr("/$\"'\\[];=", *name))
                        return false;
        return true;
}

int conf_entries_section(struct conf_entries *e, const char *name) {
        const struct conf_pool *old;
        struct conf_pool *pool;

        e->section = CONF_ENTRIES_GLOBAL;
        if (strcasecmp(name, "global") == 0)
                return 0;
        if (!entries_valid_pool_name(name)) {
                conf_entries_problem(
                        e, "a pool cannot be named '%s': 1 to %u bytes, none of / $ \" ' \\ [ ] ; = or control bytes",
                        name, CONF_POOL_NAME_MAX);
                e->section = CONF_ENTRIES_SKIP;
                return 0;
        }
        e->section = CONF_ENTRIES_POOL;
        old = conf_find_section(e->conf, name);
        if (old) {
                e->pool = (size_t)(old - e->conf->pools);
                return conf_add_notice(e->conf, "[%s:%u] section [%s] continues that of %s:%u", e->where.file,
                                       e->where.line, name, old->where.file, old->where.line);
        }
        e->pool = e->conf->n_pools;
        return conf_add_pool(e->conf, name, e->where, &pool);
}

/* The value with each $pool replaced. */
static int entries_expand_pool(const char *value, const char *pool, char **ret) {
        _cleanup_text_ struct text out = {};
        const char *found;

        while ((found = strstr(value, "$pool"))) {
                text_append_n(&out, value, (size_t)(found - value));
                text_append(&out, pool);
                value = found + strlen("$pool");
        }
        text_append(&out, value);
        return text_finish(&out, ret, NULL);
}

/* The first line of a reason is php-fpm's words, what follows is ours; a reason of one line is all ours. */
static void entries_tell_value(struct conf_entries *e, const char *name, const char *reason) {
        const char *ours = strchr(reason, '\n');
        int n = (int)(ours ? ours - reason : (ptrdiff_t)strlen(reason));

        conf_entries_problem(e, "unable to parse value for entry '%s': %.*s", name, n, reason);
        if (ours)
                conf_entries_explain(e, name, "%s", ours + 1);
}

/* What php-fpm says of numbers out of their bounds, when it has read all lines. */
static const struct bound {
        const char *name;
        bool above;        /* said of too great a number too */
        const char *says;  /* "[pool NAME] " comes before it in a pool, and %s is the number */
        const char *level; /* in front of all that, or NULL */
} bounds[] = {
        { "log_limit", false, "log_limit must be greater than 512", NULL },
        { "process.max", false, "process_max can't be negative", NULL },
        { "process.priority", true, "process.priority must be included into [-19,20]", NULL },
        { "pm.min_spare_servers", false, "pm.min_spare_servers(%s) must be a positive value", "ALERT: " },
        { "pm.max_spare_servers", false, "pm.max_spare_servers(%s) must be a positive value", "ALERT: " },
        { "pm.max_spawn_rate", false, "pm.max_spawn_rate must be a positive value", "ALERT: " },
        { "request_slowlog_trace_depth", false, "'request_slowlog_trace_depth' (%s) must be a positive value", NULL },
};

static const struct bound *entries_find_bound(const char *name, int outcome) {
        for (size_t i = 0; i < ELEMENTSOF(bounds); i++)
                if (text_equal(bounds[i].name, name))
                        return outcome == CONF_VALUE_E_BELOW || (outcome == CONF_VALUE_E_ABOVE && bounds[i].above)
                                       ? &bounds[i]
                                       : NULL;
        return NULL;
}

/* Not counted: for php-fpm the file has been read well. */
static void entries_tell_bound(struct conf_entries *e, const struct bound *b, const char *value, const char *reason) {
        const char *at = strstr(b->says, "%s");
        int n = (int)(at ? at - b->says : (ptrdiff_t)strlen(b->says));

        text_append(e->problems, b->level ?: "");
        if (e->section == CONF_ENTRIES_POOL)
                text_printf(e->problems, "[pool %s] ", entries_pool(e)->name);
        text_printf(e->problems, "%.*s%s%s\n", n, b->says, at ? value : "", at ? at + strlen("%s") : "");
        conf_entries_explain(e, b->name, "%s", reason);
}

static int entries_set_value(struct conf_entries *e, const struct conf_directive *d, void *section, const char *value) {
        _cleanup_text_ struct text reason = {};
        const struct bound *bound;
        int r;

        r = conf_value_set(d, section, value, &reason);
        bound = entries_find_bound(d->name, r);
        if (bound)
                entries_tell_bound(e, bound, value, text_peek(&reason));
        else if (r > 0)
                entries_tell_value(e, d->name, text_peek(&reason));
        return r < 0 ? r : 0;
}

/* It is written NAME[] = /PATH. */
static bool entries_takes_paths(int kind) {
        return kind == CONF_ARRAY_SUPPRESS_PATH || kind == CONF_ARRAY_EXEC_BASEDIR || kind == CONF_ARRAY_READ_PATH ||
               kind == CONF_ARRAY_WRITE_PATH;
}

/* An unknown name, or one that stands where it cannot: says which. */
static void entries_unknown_entry(struct conf_entries *e, const char *name) {
        bool global = conf_rows_find_global(name) >= 0;
        bool pool = conf_rows_find_pool(name) >= 0;
        const char *nearest;

        conf_entries_problem(e, "unknown entry '%s'", name);
        if (conf_rows_find_array(name) >= 0)
                conf_entries_explain(e, name, "it is written in a pool's section, as %s[%s] = VALUE", name,
                                     entries_takes_paths(conf_rows_find_array(name)) ? "" : "NAME");
        else if (global && e->section == CONF_ENTRIES_POOL)
                conf_entries_explain(e, name, "it belongs in [global]");
        else if (pool && e->section == CONF_ENTRIES_GLOBAL)
                conf_entries_explain(e, name, "it belongs in a pool's section");
        else if ((nearest = conf_rows_nearest(name)))
                conf_entries_explain(e, name, "is it '%s'?", nearest);
}

static int entries_read_global(struct conf_entries *e, const char *name, const char *value) {
        int i = conf_rows_find_global(name);

        if (i < 0) {
                entries_unknown_entry(e, name);
                return 0;
        }
        if (strstr(value, "$pool")) {
                entries_tell_value(e, name, "Can't use '$pool' when the pool is not defined");
                return 0;
        }
        e->conf->global.given[i] = e->where;
        return entries_set_value(e, &conf_global_directives[i], &e->conf->global, value);
}

static int entries_read_php(struct conf_entries *e, int kind, const char *key, const char *value) {
        struct conf_php_setting setting = conf_php_setting_of((enum conf_array_kind)kind, key, value, e->where);
        bool on;

        if (setting.flag) {
                if (conf_boolean_parse(value, &on) < 0) {
                        conf_entries_problem(e, "error while parsing '%s[%s]' : invalid boolean value",
                                             conf_pool_arrays[kind].name, key);
                        conf_entries_explain(e, conf_pool_arrays[kind].name, "'%s' is neither yes nor no", value);
                        return 0;
                }
                setting.value = (char *)(on ? "1" : "0");
        }
        return conf_add_php_setting(entries_pool(e), &setting);
}

/* env[X] = @cred:NAME is a credential's. env[X] = $NAME takes the value from the environment of the configuration's
 * reader, nothing when it is not there. */
static int entries_read_env(struct conf_entries *e, const char *key, const char *value) {
        bool secret = text_has_prefix(value, CONF_CREDENTIAL_PREFIX); /* read later: credential.c */
        const char *source = value[0] == '$' || secret ? value : NULL;
        const char *found = source && !secret ? getenv(source + 1) : NULL;
        struct conf_pool *pool = entries_pool(e);
        struct conf_pair *added;
        int r;

        if (strchr(key, '=')) {
                conf_entries_problem(e, "directive 'env': a name cannot have a '=': env[%s]", key);
                return 0;
        }
        if (!*value) {
                conf_entries_problem(e, "empty value");
                conf_entries_explain(e, "env", "env[%s] is given nothing", key);
                return 0;
        }
        if (secret && !conf_credential_is_name(value + strlen(CONF_CREDENTIAL_PREFIX))) {
                conf_entries_problem(e, "directive 'env': env[%s] = %s: no credential can have this name", key, value);
                return 0;
        }
        r = conf_pairs_add(&pool->env, key, !source ? value : found ? found : "", e->where);
        if (r < 0 || !source)
                return r;
        added = &pool->env.items[pool->env.n - 1];
        added->source = strdup(source);
        return added->source ? 0 : -ENOMEM;
}

/* A [ that no ] ends is itself to fnmatch(3), so the pattern would hardly ever fit what was meant. */
static bool entries_is_pattern_open(const char *p) {
        bool open = false;

        for (; *p; p++)
                if (*p == '\\' && p[1])
                        p++;
                else if (open)
                        open = *p != ']';
                else if (*p == '[') {
                        open = true;
                        p += p[1] == '!' || p[1] == '^';
                        p += p[1] == ']'; /* the first one is of what it fits */
                }
        return open;
}

/* A pattern of SCRIPT_NAME, or a parameter's name and a pattern of its value; in the order of the file. */
static int entries_read_priority(struct conf_entries *e, const char *key, const char *value) {
        if (!text_equal(key, "high") && !text_equal(key, "low"))
                conf_entries_problem(e, "directive 'queue.priority': '%s' is neither high nor low", key);
        else if (!*value || *value == '=')
                conf_entries_problem(e,
                                     "directive 'queue.priority': it is written as queue.priority[%s] = /PATTERN or "
                                     "\"NAME=PATTERN\"",
                                     key);
        else if (entries_is_pattern_open(value))
                conf_entries_problem(e, "directive 'queue.priority': '%s' has a [ without its ]", value);
        else
                return conf_pairs_add(&entries_pool(e)->queue_priorities, key, value, e->where);
        return 0;
}

/* The key is a script's path, or nothing. */
static int entries_read_warmup(struct conf_entries *e, const char *key, const char *value) {
        struct conf_warmup w;

        if (*key && *key != '/')
                conf_entries_problem(e, "directive 'worker.warmup': the script '%s' must begin with a '/'", key);
        else if (!conf_warmup_parse(value, &w))
                conf_entries_problem(e,
                                     "directive 'worker.warmup': '%s' is neither /PATH nor http://HOST/PATH nor "
                                     "https://HOST/PATH",
                                     value);
        else
                return conf_pairs_add(&entries_pool(e)->warmups, key, value, e->where);
        return 0;
}

static int entries_read_array(struct conf_entries *e, const char *name, const char *key, const char *value) {
        int kind = conf_rows_find_array(name);

        if (kind == CONF_ARRAY_WARMUP)
                return entries_read_warmup(e, key, value);
        if (entries_takes_paths(kind)) {
                if (!*key && value[0] == '/')
                        return conf_pairs_add(conf_pool_pairs(entries_pool(e), (enum conf_array_kind)kind), "", value,
                                              e->where);
                conf_entries_problem(e,
                                     *key ? "Keys provided to field '%s' are ignored"
                                          : "Values provided to field '%s' must begin with '/'",
                                     conf_pool_arrays[kind].name);
                conf_entries_explain(e, conf_pool_arrays[kind].name, "it is written as %s[] = /PATH",
                                     conf_pool_arrays[kind].name);
        } else if (!*key) {
                conf_entries_problem(e, "You must provide a key for field '%s'", name);
                conf_entries_explain(e, name, "it is written as %s[NAME] = VALUE", name);
        } else if (kind < 0) {
                conf_entries_problem(e, "unknown directive '%s'", name);
                if (conf_rows_find_pool(name) >= 0)
                        conf_entries_explain(e, name, "it takes no [key]");
        } else if (kind == CONF_ARRAY_QUEUE_PRIORITY)
                return entries_read_priority(e, key, value);
        else
                return kind == CONF_ARRAY_ENV ? entries_read_env(e, key, value) : entries_read_php(e, kind, key, value);
        return 0;
}

static int entries_read_pool(struct conf_entries *e, const struct conf_ini_line *line) {
        struct conf_pool *pool = entries_pool(e);
        _cleanup_free_ char *value = NULL;
        int i, r;

        r = entries_expand_pool(line->value, pool->name, &value);
        if (r < 0)
                return r;
        if (strstr(value, "$pool")) { /* no file could say this value: a dump of it would not read back */
                conf_entries_problem(e, "directive '%s': the pool's name makes another $pool of it", line->name);
                return 0;
        }
        if (line->key)
                return entries_read_array(e, line->name, line->key, value);
        i = conf_rows_find_pool(line->name);
        if (i < 0) {
                entries_unknown_entry(e, line->name);
                return 0;
        }
        pool->given[i] = e->where;
        return entries_set_value(e, &conf_pool_directives[i], pool, value);
}

int conf_entries_take(struct conf_entries *e, const struct conf_ini_line *line) {
        if (e->section == CONF_ENTRIES_SKIP)
                return 0;
        if (e->section == CONF_ENTRIES_POOL)
                return entries_read_pool(e, line);
        if (line->key) {
                conf_entries_problem(e, "Array are not allowed in the global section");
                conf_entries_explain(e, line->name, "it is written in a pool's section");
                return 0;
        }
        return entries_read_global(e, line->name, line->value);
}
