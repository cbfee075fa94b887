/* SPDX-License-Identifier: MIT */
/* A Caddyfile's lines of php_fastcgi, and what it imports. Addresses are unix//PATH and HOST:PORT. */

#include "doctor/caddy.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doctor/webfile.h"

struct caddy {
        struct doctor_facts *f;
        const char *folder;
        unsigned depth;
};

static void caddy_add_backend(struct caddy *c, const char *address, const char *path, unsigned line) {
        struct doctor_backend *b = doctor_facts_add_backend(c->f);

        if (!b)
                return;
        b->server = "Caddy";
        b->user = "caddy"; /* of Debian's package */
        b->address = text_has_prefix(address, "unix/") ? address + strlen("unix/") : address;
        b->file = doctor_facts_keep(c->f, path);
        b->line = line;
}

/* A matcher (@name, /path) may come before addresses; a brace ends them. */
static void caddy_take_addresses(struct caddy *c, const char *words, const char *path, unsigned line) {
        const char *word;
        size_t n;

        while ((word = text_word(&words, " \t\r", &n))) {
                const char *address = doctor_facts_print(c->f, "%.*s", (int)n, word);

                if (address[0] == '{' || address[0] == '#')
                        return;
                if (!strchr("@/*", address[0]))
                        caddy_add_backend(c, address, path, line);
        }
}

static void caddy_read_file(const char *path, void *userdata) {
        struct caddy *c = userdata;
        _cleanup_free_ char *data = doctor_webfile_read(c->f, path);
        char *rest = data, *line;

        c->depth++;
        for (unsigned number = 1; (line = strsep(&rest, "\n")); number++) {
                const char *words = line, *word;
                size_t n;

                word = text_word(&words, " \t\r", &n);
                if (!word)
                        continue;
                if (n == strlen("php_fastcgi") && text_has_prefix(word, "php_fastcgi")) {
                        caddy_take_addresses(c, words, path, number);
                } else if (n == strlen("import") && text_has_prefix(word, "import") &&
                           c->depth < DOCTOR_WEBFILE_DEPTH && (word = text_word(&words, " \t\r", &n))) {
                        const struct doctor_webfile_visitor visitor = { caddy_read_file, c };

                        doctor_webfile_each(c->folder, doctor_facts_print(c->f, "%.*s", (int)n, word), &visitor);
                }
        }
        c->depth--;
}

bool doctor_caddy_read(struct doctor_facts *f, const char *path) {
        _cleanup_free_ char *folder = doctor_webfile_folder(path), *there = doctor_webfile_read(f, path);
        struct caddy c = { .f = f, .folder = folder };

        if (!there || !folder)
                return false;
        caddy_read_file(path, &c);
        return true;
}
