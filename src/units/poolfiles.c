/* SPDX-License-Identifier: MIT */
/*
 * The machine is not asked whether users and folders exist (text_only): at an early boot that would wait for services
 * which are not there yet. Nor is the environment (no_environment): systemd's, or an operator's, is not the one that
 * the service will have, and what is made of a file must not depend on who makes it. Only plain files are read, since
 * another one may never end. Files with an include come last, those of all folders: what it leads to may be many files,
 * or slow ones, and costs the others nothing then.
 */

#include "units/poolfiles.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "conf/ini.h"
#include "conf/load.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)

/* A file's bytes, and what is wrong with them. */
struct poolfile {
        const char *path, *data;
        size_t n;
        struct text problems;
};

static void poolfiles_done(struct poolfile *f) {
        text_done(&f->problems);
}

static const struct conf_options poolfiles_options = { .text_only = true, .no_environment = true };

/* Appends the section's own listen lines: what its socket is, so that one that is open stays so. */
static void poolfiles_copy_listen(const char *data, size_t n, struct text *out) {
        const char *s, *reason;
        size_t n_line;

        while (conf_ini_next(&data, &n, &s, &n_line)) {
                _cleanup_ini_line_ struct conf_ini_line line = {};

                if (conf_ini_parse(s, n_line, conf_scan_no_environment, &line, &reason) != 0 ||
                    line.kind == CONF_INI_NOTHING)
                        continue;
                if (line.kind == CONF_INI_SECTION)
                        return;
                if (text_equal(line.name, "listen") || text_has_prefix(line.name, "listen."))
                        text_append_n(out, s, n_line);
                text_append_c(out, '\n');
        }
}

static int poolfiles_visit_broken(const struct poolfile *f, const char *lines, const char *name,
                                  const struct poolfiles_visitor *v) {
        struct conf_pool nameless = { .where = { .file = f->path }, .name = (char *)name };
        _cleanup_text_ struct text text = {}, ignored = {};
        _cleanup_conf_ struct conf *conf = NULL;
        int r;

        text_append(&text, "[");
        conf_ini_quote(name, &text);
        text_append(&text, "]\n");
        poolfiles_copy_listen(lines, f->n - (size_t)(lines - f->data), &text);
        text_append(&text, "pm = static\npm.max_children = 1\n");
        if (text.failed)
                return -ENOMEM;
        r = conf_load_text(f->path, text.data, text.n, &poolfiles_options, &conf, &ignored);
        if (r < 0)
                return r;
        return v->broken(f->path, r == 0 && text_equal(conf->pools[0].name, name) ? &conf->pools[0] : &nameless,
                         text_peek(&f->problems), v->userdata);
}

/* The sections of a file that could not be read as a whole. */
static int poolfiles_visit_sections(const struct poolfile *f, const struct poolfiles_visitor *v) {
        const char *data = f->data, *s, *reason;
        size_t n = f->n, n_line, n_named = 0;
        int r = 0;

        while (r == 0 && conf_ini_next(&data, &n, &s, &n_line)) {
                _cleanup_ini_line_ struct conf_ini_line line = {};

                r = conf_ini_parse(s, n_line, conf_scan_no_environment, &line, &reason);
                if (r == CONF_SCAN_E_SYNTAX)
                        r = 0;
                if (r < 0 || line.kind != CONF_INI_SECTION || strcasecmp(line.name, "global") == 0)
                        continue;
                n_named++;
                r = poolfiles_visit_broken(f, data, line.name, v);
        }
        return r == 0 && n_named == 0 ? v->remark(text_peek(&f->problems), v->userdata) : r;
}

static int poolfiles_visit_pools(const char *file, const struct conf *conf, const struct poolfiles_visitor *v) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < conf->n_pools; i++)
                r = v->pool(file, &conf->pools[i], v->userdata);
        return r;
}

int poolfiles_visit_text(const char *file, const char *data, size_t n, const struct poolfiles_visitor *v) {
        _cleanup_(poolfiles_done) struct poolfile f = { .path = file, .data = data, .n = n };
        _cleanup_conf_ struct conf *conf = NULL;
        int r;

        r = conf_load_text(file, data, n, &poolfiles_options, &conf, &f.problems);
        if (r == CONF_E_INVALID)
                return poolfiles_visit_sections(&f, v);
        return r < 0 ? r : poolfiles_visit_pools(file, conf, v);
}

/* A line of the file includes others. */
static int poolfiles_leads_elsewhere(const char *data, size_t n) {
        const char *s, *reason;
        size_t n_line;

        if (!memmem(data, n, "include", strlen("include")))
                return false;
        while (conf_ini_next(&data, &n, &s, &n_line)) {
                _cleanup_ini_line_ struct conf_ini_line line = {};
                int r = conf_ini_parse(s, n_line, conf_scan_no_environment, &line, &reason);

                if (r < 0)
                        return r;
                if (r == 0 && line.kind == CONF_INI_ENTRY && text_equal(line.name, "include") && !line.key)
                        return true;
        }
        return false;
}

/* "[a${B}]": its name is put together. */
static bool poolfiles_is_made_up(const char *s, size_t n) {
        while (n > 0 && conf_scan_is_blank(*s)) {
                s++;
                n--;
        }
        return n > 0 && *s == '[' && (memchr(s, '$', n) || memchr(s, '"', n) || memchr(s, '\'', n));
}

/* Whether a section of the file may have that name. */
static bool poolfiles_may_have(const char *data, size_t n, const char *name) {
        const char *s;
        size_t n_line;

        if (memmem(data, n, name, strlen(name)))
                return true;
        while (conf_ini_next(&data, &n, &s, &n_line))
                if (poolfiles_is_made_up(s, n_line))
                        return true;
        return false;
}

static int poolfiles_tell_unread(const char *path, int error, const struct poolfiles_visitor *v) {
        _cleanup_text_ struct text problem = {};

        text_printf(&problem, "[%s] cannot read it: %s\n", path,
                    error == EMEDIUMTYPE ? "it is no plain file" : strerror(error));
        return problem.failed ? -ENOMEM : v->remark(text_peek(&problem), v->userdata);
}

/* Files that include others, for which it is not the time yet. */
struct poolfiles_later {
        char **paths;
        size_t n;
};

static void poolfiles_later_done(struct poolfiles_later *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->paths[i]);
        free(l->paths);
}

static int poolfiles_leave_for_later(struct poolfiles_later *l, const char *path) {
        char **paths = reallocarray(l->paths, l->n + 1, sizeof(*paths));

        if (!paths)
                return -ENOMEM;
        l->paths = paths;
        paths[l->n] = strdup(path);
        return paths[l->n] && ++l->n ? 0 : -ENOMEM;
}

static int poolfiles_visit_late(const char *path, const struct poolfiles_visitor *v) {
        _cleanup_(poolfiles_done) struct poolfile f = { .path = path };
        _cleanup_conf_ struct conf *conf = NULL;
        _cleanup_free_ char *data = NULL;
        int r;

        if (v->begin)
                v->begin(path);
        r = conf_load(path, &poolfiles_options, &conf, &f.problems);
        if (r != CONF_E_INVALID)
                return r < 0 ? r : poolfiles_visit_pools(path, conf, v);
        r = fd_read_plain_file(path, FILE_BYTES_MAX, &data, &f.n);
        if (r < 0)
                return r == -ENOMEM ? r : poolfiles_tell_unread(path, -r, v);
        f.data = data;
        return poolfiles_visit_sections(&f, v);
}

static int poolfiles_visit_file(const char *path, struct poolfiles_later *later, const struct poolfiles_visitor *v) {
        _cleanup_free_ char *data = NULL;
        size_t n;
        int r;

        if (v->begin)
                v->begin(path);
        r = fd_read_plain_file(path, FILE_BYTES_MAX, &data, &n);
        if (r < 0)
                return r == -ENOMEM ? r : poolfiles_tell_unread(path, -r, v);
        r = poolfiles_leads_elsewhere(data, n);
        if (r != 0)
                return r < 0 ? r : poolfiles_leave_for_later(later, path);
        if (v->pool_name && !poolfiles_may_have(data, n, v->pool_name))
                return 0;
        return poolfiles_visit_text(path, data, n, v);
}

static int poolfiles_is_one(const struct dirent *entry) {
        return entry->d_name[0] != '.' && text_has_suffix(entry->d_name, ".conf");
}

static int poolfiles_visit_entry(const char *folder, const char *name, struct poolfiles_later *later,
                                 const struct poolfiles_visitor *v) {
        _cleanup_text_ struct text path = {};

        text_printf(&path, "%s/%s", folder, name);
        return path.failed ? -ENOMEM : poolfiles_visit_file(text_peek(&path), later, v);
}

static int poolfiles_tell_folder(const char *folder, int error, const struct poolfiles_visitor *v) {
        _cleanup_text_ struct text problem = {};

        if (error == ENOENT)
                return 0;
        text_printf(&problem, "[%s] cannot read the folder: %s\n", folder, strerror(error));
        return problem.failed ? -ENOMEM : v->remark(text_peek(&problem), v->userdata);
}

static int poolfiles_visit_folder(const char *folder, struct poolfiles_later *later,
                                  const struct poolfiles_visitor *v) {
        struct dirent **entries = NULL;
        int n, r = 0;

        n = scandir(folder, &entries, poolfiles_is_one, alphasort);
        if (n < 0)
                return errno == ENOMEM ? -ENOMEM : poolfiles_tell_folder(folder, errno, v);
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = poolfiles_visit_entry(folder, entries[i]->d_name, later, v);
                free(entries[i]);
        }
        free(entries);
        return r;
}

int poolfiles_visit(char *const *folders, size_t n, const struct poolfiles_visitor *v) {
        _cleanup_(poolfiles_later_done) struct poolfiles_later later = {};
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = poolfiles_visit_folder(folders[i], &later, v);
        for (size_t i = 0; r == 0 && i < later.n; i++)
                r = poolfiles_visit_late(later.paths[i], v);
        return r;
}
