/* SPDX-License-Identifier: MIT */
/*
 * Apache's configuration is lines. An address of FastCGI is written alike in all directives that take one (SetHandler,
 * ProxyPass, ProxyPassMatch, BalancerMember, RewriteRule): "unix:PATH|fcgi://..." or "fcgi://HOST:PORT". Variables are
 * those of Define and of the file envvars beside it, which Debian's service reads first.
 */

#include "doctor/apache.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "doctor/webfile.h"

#define APACHE_VARIABLES 64U

struct apache {
        struct doctor_facts *f;
        const char *prefix, *user, *path;
        unsigned line, depth;
        struct {
                const char *name, *value;
        } variables[APACHE_VARIABLES];
        unsigned n_variables;
};

static void apache_define(struct apache *a, const char *name, const char *value) {
        if (a->n_variables < APACHE_VARIABLES) {
                a->variables[a->n_variables].name = doctor_facts_keep(a->f, name);
                a->variables[a->n_variables++].value = doctor_facts_keep(a->f, value);
        }
}

/* NULL: nobody has defined it. */
static const char *apache_variable(const struct apache *a, const char *name, size_t n) {
        for (unsigned i = a->n_variables; i > 0; i--)
                if (strlen(a->variables[i - 1].name) == n && memcmp(a->variables[i - 1].name, name, n) == 0)
                        return a->variables[i - 1].value;
        return NULL;
}

/* The line with each ${NAME} that is known put in. */
static const char *apache_expand(struct apache *a, const char *line) {
        _cleanup_text_ struct text out = {};

        for (const char *s = line; *s; s++) {
                size_t n = s[0] == '$' && s[1] == '{' ? strcspn(s, "}") : 0;
                const char *value = n > 2 && s[n] ? apache_variable(a, s + 2, n - 2) : NULL;

                if (value) {
                        text_append(&out, value);
                        s += n;
                } else {
                        text_append_c(&out, *s);
                }
        }
        return doctor_facts_keep(a->f, text_peek(&out));
}

/* "export NAME=value" lines, a part of sh. */
static void apache_read_variables(struct apache *a) {
        _cleanup_free_ char *data = NULL;
        char *rest, *line;

        rest = data = doctor_webfile_read(a->f, doctor_facts_print(a->f, "%s/envvars", a->prefix));
        while ((line = strsep(&rest, "\n"))) {
                char *equals = strchr(line, '=');

                if (!text_has_prefix(line, "export ") || !equals || strpbrk(equals, "`(\""))
                        continue;
                *equals = '\0';
                apache_define(a, line + strlen("export "), equals + 1);
        }
}

static void apache_add_backend(struct apache *a, const char *address, size_t n) {
        struct doctor_backend *b = doctor_facts_add_backend(a->f);

        if (!b)
                return;
        b->server = "Apache";
        b->address = doctor_facts_print(a->f, "%.*s", (int)n, address);
        b->file = doctor_facts_keep(a->f, a->path);
        b->line = a->line;
}

static void apache_take_addresses(struct apache *a, const char *line) {
        const char *at = strcasestr(line, "unix:"), *end;

        if (at && (end = strchr(at, '|')) && text_has_prefix(end, "|fcgi:")) {
                apache_add_backend(a, at + strlen("unix:"), (size_t)(end - at) - strlen("unix:"));
                return;
        }
        at = strcasestr(line, "fcgi://");
        if (!at)
                return;
        at += strlen("fcgi://");
        if (memchr(at, ':', strcspn(at, "/\"' >"))) /* without a port it is a name for a balancer, or for the log */
                apache_add_backend(a, at, strcspn(at, "/\"' >"));
}

static void apache_read_file(const char *path, void *userdata);

/* The first word of a list, and what is behind it without its quotes. */
static bool apache_is(const char *line, const char *directive, const char **ret) {
        size_t n = strlen(directive);

        if (strncasecmp(line, directive, n) != 0 || !strchr(" \t", line[n]) || line[n] == '\0')
                return false;
        line += n;
        *ret = line + strspn(line, " \t\"'");
        return true;
}

static const char *apache_word(struct apache *a, const char *s) {
        return doctor_facts_print(a->f, "%.*s", (int)strcspn(s, " \t\"'"), s);
}

static void apache_take_line(struct apache *a, const char *line) {
        const char *value;

        line += strspn(line, " \t");
        if (*line == '#' || *line == '\0')
                return;
        line = apache_expand(a, line);
        if (apache_is(line, "Define", &value)) {
                const char *name = apache_word(a, value);
                const char *rest = value + strlen(name);

                apache_define(a, name, apache_word(a, rest + strspn(rest, " \t\"'")));
        } else if (apache_is(line, "ServerRoot", &value)) {
                a->prefix = apache_word(a, value);
        } else if (apache_is(line, "User", &value)) {
                a->user = apache_word(a, value);
        } else if (apache_is(line, "Include", &value) || apache_is(line, "IncludeOptional", &value)) {
                struct apache inner = *a;
                const struct doctor_webfile_visitor visitor = { apache_read_file, a };

                if (a->depth < DOCTOR_WEBFILE_DEPTH)
                        doctor_webfile_each(a->prefix, apache_word(a, value), &visitor);
                a->path = inner.path;
                a->line = inner.line;
        } else {
                apache_take_addresses(a, line);
        }
}

/* Lines that end in a backslash go on. */
static void apache_read_file(const char *path, void *userdata) {
        struct apache *a = userdata;
        _cleanup_free_ char *data = doctor_webfile_read(a->f, path);
        _cleanup_text_ struct text whole = {};
        char *rest = data, *line;

        a->path = path;
        a->line = 0;
        a->depth++;
        while ((line = strsep(&rest, "\n"))) {
                size_t n = strlen(line);

                a->line++;
                text_append_n(&whole, line, n > 0 && line[n - 1] == '\\' ? n - 1 : n);
                if (n > 0 && line[n - 1] == '\\')
                        continue;
                apache_take_line(a, text_peek(&whole));
                text_done(&whole);
                whole = (struct text){};
        }
        a->depth--;
}

bool doctor_apache_read(struct doctor_facts *f, const char *path) {
        _cleanup_free_ char *folder = doctor_webfile_folder(path), *there = doctor_webfile_read(f, path);
        struct apache a = { .f = f, .prefix = folder, .user = "" };
        size_t first = f->n_backends;

        if (!there || !folder)
                return false;
        apache_read_variables(&a);
        apache_read_file(path, &a);
        for (size_t i = first; i < f->n_backends; i++)
                f->backends[i].user = strchr(a.user, '$') ? "" : a.user;
        return true;
}
