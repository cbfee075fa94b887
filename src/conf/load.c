/* SPDX-License-Identifier: MIT */
/*
 * Reads a file and what it includes, line by line, into a fresh model. Files are a stack, not a recursion; what their
 * lines say is for conf/entries.c. A section opened inside an included file stays open behind the include, as with
 * php-fpm.
 *
 * Relative names in include= begin where php-fpm's do, in the prefix; where that has none, beside the file that has the
 * line.
 */

#include "conf/load.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#include "base/fd.h"
#include "conf/check.h"
#include "conf/complete.h"
#include "conf/entries.h"
#include "conf/include.h"
#include "conf/ini.h"
#include "conf/leftfile.h"
#include "conf/lines.h"
#include "conf/ownunit.h"
#include "conf/rules.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)
#define FILES_MAX      10000
#define UNKNOWN_MAX    10 /* lines that are told */
#define DEPTH_MAX      5  /* as with php-fpm: the main file is one of them */

/* A file being read. */
struct frame {
        char *data;
        const char *rest;
        size_t n_rest;
        struct conf_where where;
        glob_t matches; /* of the include line that is being followed */
        size_t next_match;
};

struct loader {
        struct conf_entries entries; /* owns the model until it is whole */
        const struct conf_options *options;
        size_t n_files;
        bool files_allowed;
        struct frame frames[DEPTH_MAX];
        size_t depth;        /* frames in use */
        const char *refused; /* the file that an include named and that is not taken */
        struct conf_leftfiles left;
        struct text unknown; /* lines whose ${NAME} is not known, as far as they are told */
        size_t n_unknown;
};

static void load_frame_done(struct frame *f) {
        globfree(&f->matches);
        free(f->data);
        *f = (struct frame){};
}

static void load_done(struct loader *l) {
        while (l->depth > 0)
                load_frame_done(&l->frames[--l->depth]);
        conf_free(l->entries.conf);
        conf_leftfile_done(&l->left);
        text_done(&l->unknown);
}
#define _cleanup_loader_ _cleanup_(load_done)

/* Puts a file's bytes on the stack; data becomes the stack's. */
static int load_push(struct loader *l, const char *path, char *data, size_t n) {
        struct frame *f = &l->frames[l->depth];

        *f = (struct frame){ .data = data, .rest = data, .n_rest = n };
        l->depth++;
        l->n_files++;
        if (n >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
                f->rest += 3;
                f->n_rest -= 3;
        }
        return conf_add_file(l->entries.conf, path, &f->where.file);
}

/* Who does not look at the machine waits for nothing of it either: a FIFO's writer, a terminal. */
static int load_read_file(const struct loader *l, const char *path, char **ret, size_t *ret_n) {
        return (l->options->text_only ? fd_read_plain_file : fd_read_file)(path, FILE_BYTES_MAX, ret, ret_n);
}

static const char *load_why(int r) {
        return r == -EMEDIUMTYPE ? "it is no plain file" : strerror(-r);
}

static int load_open_file(struct loader *l, const char *path) {
        struct conf_entries *e = &l->entries;
        char *data;
        size_t n;
        int r;

        l->refused = path;
        if (l->depth == DEPTH_MAX) {
                conf_entries_bare_problem(e, "failed to include more than %d files recursively", DEPTH_MAX);
                conf_entries_explain(e, "include", "'%s' would be more than %d files deep", path, DEPTH_MAX);
                return 0;
        }
        if (l->n_files == FILES_MAX) {
                conf_entries_problem(e, "directive 'include': more than %d files", FILES_MAX);
                return 0;
        }
        r = load_read_file(l, path, &data, &n);
        if (r == -ENOMEM)
                return r;
        if (r == -EISDIR)
                return conf_add_notice(e->conf,
                                       "[%s:%u] '%s' is a folder: nothing is included; '%s/*.conf' is what is in it",
                                       e->where.file, e->where.line, path, path);
        if (r < 0) {
                conf_entries_bare_problem(e, "failed to open configuration file '%s': %s (%d)", path, load_why(r), -r);
                conf_entries_explain(e, "include", "cannot read '%s'", path);
                return 0;
        }
        l->refused = NULL;
        return load_push(l, path, data, n);
}

static int load_read_include(struct loader *l, const char *value) {
        struct frame *f = &l->frames[l->depth - 1];
        struct conf_entries *e = &l->entries;
        _cleanup_text_ struct text pattern = {};
        int r;

        if (!l->files_allowed) {
                conf_entries_problem(e, "directive 'include': there are no other files here");
                return 0;
        }
        if (!*value)
                return 0;
        globfree(&f->matches);
        f->next_match = 0;
        r = conf_include_find(conf_complete_prefix(l->options), f->where.file, value, &f->matches, &pattern);
        if (r == CONF_INCLUDE_E_NOTHING)
                return conf_add_notice(e->conf, "WARNING: Nothing matches the include pattern '%s' from %s at line %u.",
                                       text_peek(&pattern), e->where.file, e->where.line);
        if (r < 0 && r != -ENOMEM) {
                conf_entries_bare_problem(e, "Unable to globalize '%s' (ret=%d) from %s at line %u.",
                                          text_peek(&pattern), GLOB_ABORTED, e->where.file, e->where.line);
                conf_entries_explain(e, "include", "cannot look for '%s': %s", text_peek(&pattern), strerror(-r));
                return 0;
        }
        return r;
}

static bool load_is_include(const struct conf_ini_line *line) {
        return text_equal(line->name, "include") && !line->key;
}

/* Told when something is wrong: this may be why. */
static void load_note_unknown(struct loader *l, const struct conf_ini_line *line) {
        const struct conf_where *w = &l->entries.where;

        if (l->options->no_environment && line->varies == CONF_VARIES_NOTHING && l->n_unknown++ < UNKNOWN_MAX)
                text_printf(&l->unknown,
                            "[%s:%u] '%s': its ${NAME} is nothing here, where the service's environment is not known; "
                            "${NAME:-text} has a default\n",
                            w->file, w->line, line->name);
}

static int load_read_line(struct loader *l, const char *s, size_t n) {
        _cleanup_ini_line_ struct conf_ini_line line = {};
        struct conf_entries *e = &l->entries;
        const char *reason;
        int r;

        e->where.line = ++l->frames[l->depth - 1].where.line;
        r = conf_ini_parse(s, n, l->options->no_environment ? conf_scan_no_environment : getenv, &line, &reason);
        if (r < 0)
                return r;
        if (r == CONF_SCAN_E_SYNTAX) {
                if (!memchr(s, '=', n) && *s != '[') /* php-fpm's words, up to the colon */
                        conf_entries_problem(e, "value is NULL for a ZEND_INI_PARSER_ENTRY: the line has no '='");
                conf_entries_problem(e, "syntax error: %s", reason);
                return 0;
        }
        e->where.varies = line.varies;
        load_note_unknown(l, &line);
        if (line.kind == CONF_INI_SECTION)
                return conf_entries_section(e, line.name);
        if (line.kind != CONF_INI_ENTRY)
                return 0;
        return load_is_include(&line) ? load_read_include(l, line.value) : conf_entries_take(e, &line);
}

/* One step: the next file of an include, else the next line, else the file's end. */
static int load_step(struct loader *l) {
        struct frame *f = &l->frames[l->depth - 1];
        const char *line;
        size_t n;

        l->entries.where = f->where;
        if (f->next_match < f->matches.gl_pathc)
                return load_open_file(l, f->matches.gl_pathv[f->next_match++]);
        globfree(&f->matches);
        f->matches = (glob_t){};
        if (conf_ini_next(&f->rest, &f->n_rest, &line, &n))
                return load_read_line(l, line, n);
        load_frame_done(f);
        l->depth--;
        return 0;
}

/* Who has included what cannot be taken, from the inside out: php-fpm's lines. */
static void load_tell_includes(const struct loader *l) {
        const char *path = l->refused;

        for (size_t i = l->depth; i-- > 0;) {
                const struct conf_where *w = &l->frames[i].where;

                if (path)
                        text_printf(l->entries.problems, "Unable to include %s from %s at line %u\n", path, w->file,
                                    w->line);
                path = w->file;
        }
}

/* Takes back what the last step has found, from n_problems and the byte n on, where others tell it. */
static int load_leave_file(struct loader *l, size_t n_problems, size_t n) {
        const struct frame *f = &l->frames[l->depth - 1];
        struct conf_leftfile file = { .path = l->refused };
        struct conf_entries *e = &l->entries;
        int r;

        if (!l->refused)
                file = (struct conf_leftfile){ f->where.file, f->data, (size_t)(f->rest - f->data) + f->n_rest };
        r = conf_leftfile_take(&l->left, e->conf, &file, text_peek(e->problems) + n);
        if (r != 0)
                return r < 0 ? r : 0;
        e->n_problems = n_problems;
        text_cut(e->problems, n);
        return 0;
}

static int load_read_files(struct loader *l) {
        struct conf_entries *e = &l->entries;
        int r = 0;

        while (r == 0 && l->depth > 0) {
                size_t n_problems = e->n_problems, n = e->problems->n;
                bool good = n_problems == 0;

                r = load_step(l);
                if (r == 0 && e->n_problems > n_problems && l->options->units)
                        r = load_leave_file(l, n_problems, n);
                conf_count_notices(e->conf, e->problems);
                if (good && e->n_problems > 0)
                        load_tell_includes(l);
                l->refused = NULL;
        }
        return r;
}

/* php-fpm has told by the time of its first problem what it found before that: in front of the problems, the n-th byte
 * being the first of ours. */
static void load_tell_noticed(struct loader *l, size_t n) {
        const struct conf *c = l->entries.conf;
        struct text *problems = l->entries.problems;
        _cleanup_text_ struct text rest = {};

        text_append(&rest, text_peek(problems) + n);
        problems->failed |= rest.failed;
        problems->n = n;
        for (size_t i = 0; i < c->n_noticed; i++)
                if (conf_lines_has_level(c->notices[i]))
                        text_printf(problems, "%s\n", c->notices[i]);
        text_append(problems, text_peek(&rest));
}

static bool load_is_named(void *ctx, const struct conf_pool *pool) {
        return text_equal(pool->name, ctx);
}

static void load_keep_pool(struct loader *l) {
        struct conf *c = l->entries.conf;
        const char *name = l->options->pool;

        if (name && conf_keep_pools(c, load_is_named, (void *)name) == 0)
                text_printf(l->entries.problems, "[%s] option --pool: no pool '%s' is defined\n", c->files[0], name);
}

/* Everything after the first file is on the stack. */
static int load(struct loader *l, struct conf **ret) {
        struct conf_entries *e = &l->entries;
        size_t n_before = e->problems->n, n_checked;
        int r;

        r = load_read_files(l);
        if (r < 0)
                return r;
        if (e->n_problems > CONF_ENTRIES_PROBLEMS_MAX)
                text_printf(e->problems, "%zu more problems\n", e->n_problems - CONF_ENTRIES_PROBLEMS_MAX);
        load_keep_pool(l);
        if (l->options->units)
                conf_ownunit_leave(e->conf, l->options->units, e->problems);
        r = conf_rules_check(e->conf, l->options, e->problems);
        if (r < 0)
                return r;
        n_checked = e->problems->n;
        r = conf_rules_check_late(e->conf, l->options, e->problems);
        if (r < 0)
                return r;
        if (e->n_problems > 0)
                text_printf(e->problems, "failed to load configuration file '%s'\n", e->conf->files[0]);
        else if (n_checked > n_before)
                text_append(e->problems, "failed to post process the configuration\n");
        if (e->problems->n > n_before) {
                load_tell_noticed(l, n_before);
                text_append(e->problems, text_peek(&l->unknown));
                e->problems->failed |= l->unknown.failed;
        }
        if (e->problems->failed)
                return -ENOMEM;
        if (e->problems->n > n_before)
                return CONF_E_INVALID;
        *ret = TAKE_PTR(e->conf);
        return 0;
}

static int load_init(struct loader *l, const struct conf_options *options, struct text *problems, bool files_allowed) {
        *l = (struct loader){ .entries = { .conf = conf_new(), .problems = problems },
                              .options = options,
                              .left = { .path = options->units },
                              .files_allowed = files_allowed };
        return l->entries.conf ? 0 : -ENOMEM;
}

/* Puts the first file on the stack. */
static int load_begin(struct loader *l, const char *path, const struct conf_options *options, struct text *problems) {
        char *data;
        size_t n;
        int r;

        r = load_init(l, options, problems, true);
        if (r < 0)
                return r;
        r = load_read_file(l, path, &data, &n);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                text_printf(problems,
                            "failed to open configuration file '%s': %s (%d)\n"
                            "failed to load configuration file '%s'\n",
                            path, load_why(r), -r, path);
                return problems->failed ? -ENOMEM : CONF_E_INVALID;
        }
        return load_push(l, path, data, n);
}

int conf_load(const char *path, const struct conf_options *options, struct conf **ret, struct text *problems) {
        _cleanup_loader_ struct loader l = {};
        int r = load_begin(&l, path, options, problems);

        return r != 0 ? r : load(&l, ret);
}

int conf_load_unchecked(const char *path, const struct conf_options *options, struct conf **ret) {
        _cleanup_text_ struct text problems = {}, broken = {};
        _cleanup_loader_ struct loader l = {};
        int r;

        r = load_begin(&l, path, options, &problems);
        if (r == 0)
                r = load_read_files(&l);
        if (r == 0 && l.entries.n_problems > 0)
                r = CONF_E_INVALID;
        if (r == 0 && options->units)
                conf_ownunit_leave(l.entries.conf, options->units, &broken);
        if (r == 0)
                r = conf_rules_check(l.entries.conf, options, &broken); /* completes it */
        if (r == 0)
                *ret = TAKE_PTR(l.entries.conf);
        return r;
}

int conf_load_text(const char *path, const char *data, size_t n, const struct conf_options *options, struct conf **ret,
                   struct text *problems) {
        _cleanup_loader_ struct loader l = {};
        char *copy;
        int r;

        r = load_init(&l, options, problems, false);
        if (r < 0)
                return r;
        copy = malloc(n + 1);
        if (!copy)
                return -ENOMEM;
        if (n > 0)
                memcpy(copy, data, n);
        r = load_push(&l, path, copy, n);
        return r < 0 ? r : load(&l, ret);
}
