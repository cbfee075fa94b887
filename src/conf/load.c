/* SPDX-License-Identifier: MIT */
/*
 * Reads a file and what it includes, line by line, into a fresh model. Files are a stack, not a recursion. A section opened
 * inside an included file stays open behind the include, as with php-fpm.
 *
 * Relative names in include= begin where php-fpm's do, in the prefix; where that has none, beside the file that has the line.
 */

#include "conf/load.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/fd.h"
#include "conf/check.h"
#include "conf/complete.h"
#include "conf/include.h"
#include "conf/ini.h"
#include "conf/values.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)
#define FILES_MAX      10000
#define DEPTH_MAX      6 /* the main file and, as with php-fpm, five includes deep */
#define PROBLEMS_MAX   100

/* A file being read. */
struct frame {
        char *data;
        const char *rest;
        size_t n_rest;
        struct conf_where where;
        glob_t matches; /* of the include line that is being followed */
        size_t next_match;
};

enum section { SECTION_GLOBAL, SECTION_POOL, SECTION_SKIP };

struct loader {
        struct conf *conf;
        const struct conf_options *options;
        struct text *problems;
        size_t n_problems;
        size_t n_files;
        bool files_allowed;
        enum section section;
        size_t pool; /* of SECTION_POOL */
        struct frame frames[DEPTH_MAX];
        size_t depth; /* frames in use */
};

static void frame_done(struct frame *f) {
        globfree(&f->matches);
        free(f->data);
        *f = (struct frame){};
}

static void loader_done(struct loader *l) {
        while (l->depth > 0)
                frame_done(&l->frames[--l->depth]);
        conf_free(l->conf);
}
#define _cleanup_loader_ _cleanup_(loader_done)

static struct conf_where where(const struct loader *l) {
        return l->frames[l->depth - 1].where;
}

static void problem(struct loader *l, const char *fmt, ...) _printf_(2, 3);
static void problem(struct loader *l, const char *fmt, ...) {
        struct conf_where w = where(l);
        va_list ap;

        if (++l->n_problems > PROBLEMS_MAX)
                return;
        text_printf(l->problems, "[%s:%u] ", w.file, w.line);
        va_start(ap, fmt);
        text_vprintf(l->problems, fmt, ap);
        va_end(ap);
        text_append_c(l->problems, '\n');
}

/* Puts a file's bytes on the stack; data becomes the stack's. */
static int push(struct loader *l, const char *path, char *data, size_t n) {
        struct frame *f = &l->frames[l->depth];

        *f = (struct frame){ .data = data, .rest = data, .n_rest = n };
        l->depth++;
        l->n_files++;
        if (n >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
                f->rest += 3;
                f->n_rest -= 3;
        }
        return conf_add_file(l->conf, path, &f->where.file);
}

static int open_file(struct loader *l, const char *path) {
        char *data;
        size_t n;
        int r;

        if (l->depth == DEPTH_MAX) {
                problem(l, "directive 'include': '%s' would be more than %d includes deep", path, DEPTH_MAX - 1);
                return 0;
        }
        if (l->n_files == FILES_MAX) {
                problem(l, "directive 'include': more than %d files", FILES_MAX);
                return 0;
        }
        r = file_read_all(path, FILE_BYTES_MAX, &data, &n);
        if (r == -ENOMEM)
                return r;
        if (r == -EISDIR)
                return conf_add_notice(
                        l->conf, "WARNING: [%s:%u] '%s' is a folder: nothing is included; '%s/*.conf' is what is in it",
                        where(l).file, where(l).line, path, path);
        if (r < 0) {
                problem(l, "directive 'include': cannot read '%s': %s", path, strerror(-r));
                return 0;
        }
        return push(l, path, data, n);
}

static int read_include(struct loader *l, const char *value) {
        struct frame *f = &l->frames[l->depth - 1];
        _cleanup_text_ struct text pattern = {};
        int r;

        if (!l->files_allowed) {
                problem(l, "directive 'include': there are no other files here");
                return 0;
        }
        if (!*value)
                return 0;
        globfree(&f->matches);
        f->next_match = 0;
        r = conf_include_find(conf_complete_prefix(l->options), f->where.file, value, &f->matches, &pattern);
        if (r == CONF_INCLUDE_E_NOTHING)
                return conf_add_notice(l->conf, "WARNING: Nothing matches the include pattern '%s' from %s at line %u.",
                                       text_peek(&pattern), where(l).file, where(l).line);
        if (r < 0 && r != -ENOMEM) {
                problem(l, "Unable to globalize '%s': %s", text_peek(&pattern), strerror(-r));
                return 0;
        }
        return r;
}

static bool valid_pool_name(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > CONF_POOL_NAME_MAX)
                return false;
        for (; *name; name++)
                if ((unsigned char)*name < ' ' || *name == 0x7f || strchr("/$\"'\\[];=", *name))
                        return false;
        return true;
}

static int read_section(struct loader *l, const char *name) {
        const struct conf_pool *old;
        struct conf_pool *pool;

        l->section = SECTION_GLOBAL;
        if (strcasecmp(name, "global") == 0)
                return 0;
        if (!valid_pool_name(name)) {
                problem(l, "a pool cannot be named '%s': 1 to %u bytes, none of / $ \" ' \\ [ ] ; = or control bytes",
                        name, CONF_POOL_NAME_MAX);
                l->section = SECTION_SKIP;
                return 0;
        }
        l->section = SECTION_POOL;
        old = conf_find_pool(l->conf, name);
        if (old) {
                l->pool = (size_t)(old - l->conf->pools);
                return conf_add_notice(l->conf, "[%s:%u] section [%s] continues that of %s:%u", where(l).file,
                                       where(l).line, name, old->where.file, old->where.line);
        }
        l->pool = l->conf->n_pools;
        return conf_add_pool(l->conf, name, where(l), &pool);
}

/* The value with each $pool replaced. */
static int expand_pool(const char *value, const char *pool, char **ret) {
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

static int set_value(struct loader *l, const struct conf_directive *d, void *section, struct conf_where *given,
                     const char *value) {
        _cleanup_text_ struct text reason = {};
        int r;

        *given = where(l);
        r = conf_value_set(d, section, value, &reason);
        if (r > 0)
                problem(l, "unable to parse value for entry '%s': %s", d->name, text_peek(&reason));
        return r < 0 ? r : 0;
}

/* An unknown name, or one that stands where it cannot: says which. */
static void unknown_entry(struct loader *l, const char *name) {
        bool global = conf_directives_find_global(name) >= 0;
        bool pool = conf_directives_find_pool(name) >= 0;
        const char *nearest;

        if (conf_directives_find_array(name) >= 0)
                problem(l, "unknown entry '%s' (it is written in a pool's section, as %s[%s] = VALUE)", name, name,
                        conf_directives_find_array(name) == CONF_ARRAY_SUPPRESS_PATH ? "" : "NAME");
        else if (global && l->section == SECTION_POOL)
                problem(l, "unknown entry '%s' (it belongs in [global])", name);
        else if (pool && l->section == SECTION_GLOBAL)
                problem(l, "unknown entry '%s' (it belongs in a pool's section)", name);
        else if ((nearest = conf_directives_nearest(name)))
                problem(l, "unknown entry '%s' (is it '%s'?)", name, nearest);
        else
                problem(l, "unknown entry '%s'", name);
}

static int read_global(struct loader *l, const char *name, const char *value) {
        int i = conf_directives_find_global(name);

        if (i < 0) {
                unknown_entry(l, name);
                return 0;
        }
        if (strstr(value, "$pool")) {
                problem(l, "unable to parse value for entry '%s': Can't use '$pool' when the pool is not defined",
                        name);
                return 0;
        }
        return set_value(l, &conf_global_directives[i], &l->conf->global, &l->conf->global.given[i], value);
}

static int read_php(struct loader *l, struct conf_pool *pool, int kind, const char *key, const char *value) {
        struct conf_php_setting setting = { .where = where(l) };
        bool on;

        setting.key = (char *)key;
        setting.value = (char *)value;
        setting.admin = kind == CONF_ARRAY_PHP_ADMIN_VALUE || kind == CONF_ARRAY_PHP_ADMIN_FLAG;
        setting.flag = kind == CONF_ARRAY_PHP_FLAG || kind == CONF_ARRAY_PHP_ADMIN_FLAG;
        if (setting.flag) {
                if (conf_value_parse_bool(value, &on) < 0) {
                        problem(l, "error while parsing '%s[%s]' : invalid boolean value '%s'",
                                conf_pool_arrays[kind].name, key, value);
                        return 0;
                }
                setting.value = (char *)(on ? "1" : "0");
        }
        return conf_add_php_setting(pool, &setting);
}

/* env[X] = $NAME takes the value from the environment of the configuration's reader, nothing when it is not there. */
static int read_env(struct loader *l, struct conf_pool *pool, const char *key, const char *value) {
        const char *source = value[0] == '$' ? value : NULL, *found = source ? getenv(source + 1) : NULL;
        struct conf_pair *added;
        int r;

        if (!*value || strchr(key, '=')) {
                problem(l, "%s: env[%s]", *value ? "a name cannot have a '='" : "empty value", key);
                return 0;
        }
        r = conf_pairs_add(&pool->env, key, !source ? value : found ? found : "", where(l));
        if (r < 0 || !source)
                return r;
        added = &pool->env.items[pool->env.n - 1];
        added->source = strdup(source);
        return added->source ? 0 : -ENOMEM;
}

static int read_array(struct loader *l, struct conf_pool *pool, const char *name, const char *key, const char *value) {
        int kind = conf_directives_find_array(name);

        if (kind == CONF_ARRAY_SUPPRESS_PATH) {
                if (*key || value[0] != '/')
                        problem(l,
                                *key ? "Keys provided to field '%s' are ignored: write %s[] = PATH"
                                     : "Values provided to field '%s' must begin with '/': %s[] = /PATH",
                                name, name);
                else
                        return conf_pairs_add(&pool->suppress_paths, "", value, where(l));
        } else if (kind < 0 && conf_directives_find_pool(name) >= 0)
                problem(l, "unknown directive '%s' with a [key]: it takes none", name);
        else if (kind < 0)
                unknown_entry(l, name);
        else if (!*key)
                problem(l, "You must provide a key for field '%s': %s[NAME]", name, name);
        else
                return kind == CONF_ARRAY_ENV ? read_env(l, pool, key, value) : read_php(l, pool, kind, key, value);
        return 0;
}

static int read_pool(struct loader *l, const struct conf_ini_line *line) {
        struct conf_pool *pool = &l->conf->pools[l->pool];
        _cleanup_free_ char *value = NULL;
        int i, r;

        r = expand_pool(line->value, pool->name, &value);
        if (r < 0)
                return r;
        if (strstr(value, "$pool")) { /* no file could say this value: a dump of it would not read back */
                problem(l, "directive '%s': the pool's name makes another $pool of it", line->name);
                return 0;
        }
        if (line->key)
                return read_array(l, pool, line->name, line->key, value);
        i = conf_directives_find_pool(line->name);
        if (i < 0) {
                unknown_entry(l, line->name);
                return 0;
        }
        return set_value(l, &conf_pool_directives[i], pool, &pool->given[i], value);
}

static int read_entry(struct loader *l, const struct conf_ini_line *line) {
        if (text_equal(line->name, "include") && !line->key)
                return read_include(l, line->value);
        if (l->section == SECTION_SKIP)
                return 0;
        if (l->section == SECTION_POOL)
                return read_pool(l, line);
        if (line->key) {
                problem(l, "Array are not allowed in the global section: %s[%s]", line->name, line->key);
                return 0;
        }
        return read_global(l, line->name, line->value);
}

static int read_line(struct loader *l, const char *s, size_t n) {
        _cleanup_ini_line_ struct conf_ini_line line = {};
        const char *reason;
        int r;

        l->frames[l->depth - 1].where.line++;
        r = conf_ini_parse(s, n, getenv, &line, &reason);
        if (r < 0)
                return r;
        if (r == CONF_INI_E_SYNTAX) {
                problem(l, "syntax error: %s", reason);
                return 0;
        }
        if (line.kind == CONF_INI_SECTION)
                return read_section(l, line.name);
        return line.kind == CONF_INI_ENTRY ? read_entry(l, &line) : 0;
}

/* One step: the next file of an include, else the next line, else the file's end. */
static int step(struct loader *l) {
        struct frame *f = &l->frames[l->depth - 1];
        const char *line;
        size_t n;

        if (f->next_match < f->matches.gl_pathc)
                return open_file(l, f->matches.gl_pathv[f->next_match++]);
        globfree(&f->matches);
        f->matches = (glob_t){};
        if (conf_ini_next(&f->rest, &f->n_rest, &line, &n))
                return read_line(l, line, n);
        frame_done(f);
        l->depth--;
        return 0;
}

/* Everything after the first file is on the stack. */
static int load(struct loader *l, struct conf **ret) {
        size_t n_before = l->problems->n;
        int r;

        while (l->depth > 0) {
                r = step(l);
                if (r < 0)
                        return r;
        }
        if (l->n_problems > PROBLEMS_MAX)
                text_printf(l->problems, "%zu more problems\n", l->n_problems - PROBLEMS_MAX);
        r = conf_check(l->conf, l->options, l->problems);
        if (r < 0)
                return r;
        if (l->problems->failed)
                return -ENOMEM;
        if (l->n_problems > 0 || l->problems->n > n_before) {
                if (l->n_problems > 0)
                        text_printf(l->problems, "failed to load configuration file '%s'\n", l->conf->files[0]);
                else
                        text_append(l->problems, "failed to post process the configuration\n");
                return CONF_E_INVALID;
        }
        *ret = TAKE_PTR(l->conf);
        return 0;
}

static int loader_init(struct loader *l, const struct conf_options *options, struct text *problems,
                       bool files_allowed) {
        *l = (struct loader){
                .conf = conf_new(), .options = options, .problems = problems, .files_allowed = files_allowed
        };
        return l->conf ? 0 : -ENOMEM;
}

int conf_load(const char *path, const struct conf_options *options, struct conf **ret, struct text *problems) {
        _cleanup_loader_ struct loader l = {};
        char *data;
        size_t n;
        int r;

        r = loader_init(&l, options, problems, true);
        if (r < 0)
                return r;
        r = file_read_all(path, FILE_BYTES_MAX, &data, &n);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                text_printf(problems,
                            "failed to open configuration file '%s': %s (%d)\n"
                            "failed to load configuration file '%s'\n",
                            path, strerror(-r), -r, path);
                return problems->failed ? -ENOMEM : CONF_E_INVALID;
        }
        r = push(&l, path, data, n);
        return r < 0 ? r : load(&l, ret);
}

int conf_load_text(const char *path, const char *data, size_t n, const struct conf_options *options, struct conf **ret,
                   struct text *problems) {
        _cleanup_loader_ struct loader l = {};
        char *copy;
        int r;

        r = loader_init(&l, options, problems, false);
        if (r < 0)
                return r;
        copy = malloc(n + 1);
        if (!copy)
                return -ENOMEM;
        if (n > 0)
                memcpy(copy, data, n);
        r = push(&l, path, copy, n);
        return r < 0 ? r : load(&l, ret);
}
