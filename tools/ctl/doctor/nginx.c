/* SPDX-License-Identifier: MIT */
/*
 * nginx's configuration, read without nginx: "nginx -T" makes log files, and only root may run it. A directive is words
 * up to a semicolon or a brace. Blocks are a stack, as a document root holds for the blocks inside, wherever in its own
 * block it stands; names of upstreams are put in place of when all has been read, since they may come later.
 */

#include "doctor/nginx.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doctor/webfile.h"

#define NGINX_WORDS  8U
#define NGINX_BLOCKS 32U

struct nginx_block {
        const char *upstream;              /* its name; NULL: it is none */
        const char *root, *root_place;     /* "" */
        const char *script, *script_place; /* the folder of SCRIPT_FILENAME where it is written out; "" */
        size_t first;                      /* of its backends */
};

struct nginx_server {
        const char *upstream, *address, *place;
};

struct nginx {
        struct doctor_facts *f;
        const char *prefix; /* where relative includes begin */
        const char *user;
        struct nginx_block blocks[NGINX_BLOCKS];
        unsigned n_blocks, depth;
        struct nginx_server *servers;
        size_t n_servers;
};

struct nginx_cursor {
        struct nginx *nginx;
        const char *path, *at;
        unsigned line;
        const char *words[NGINX_WORDS]; /* of the directive; more are left out */
        unsigned n_words, first_line;
};

/* Past blanks and comments. */
static void nginx_skip(struct nginx_cursor *c) {
        for (; *c->at; c->at++) {
                if (*c->at == '#')
                        c->at += strcspn(c->at, "\n");
                if (*c->at == '\n')
                        c->line++;
                if (!isspace((unsigned char)*c->at))
                        return;
        }
}

/* A word, its quotes taken off. ${NAME} is part of it. */
static void nginx_take_word(struct nginx_cursor *c) {
        _cleanup_text_ struct text word = {};
        char quote = 0;

        for (; *c->at; c->at++) {
                if (*c->at == '\n')
                        c->line++;
                if (*c->at == '\\' && c->at[1])
                        text_append_c(&word, *++c->at);
                else if (quote ? *c->at == quote : (word.n == 0 && strchr("\"'", *c->at)))
                        quote = quote ? 0 : *c->at;
                else if (!quote && (isspace((unsigned char)*c->at) || *c->at == ';' ||
                                    (strchr("{}", *c->at) && (c->at[-1] != '$' && !strchr(text_peek(&word), '{')))))
                        break;
                else
                        text_append_c(&word, *c->at);
        }
        if (c->n_words == 0)
                c->first_line = c->line;
        if (c->n_words < NGINX_WORDS)
                c->words[c->n_words++] = doctor_facts_keep(c->nginx->f, text_peek(&word));
}

static void nginx_add_backend(const struct nginx_cursor *c) {
        struct doctor_facts *f = c->nginx->f;
        const char *address = c->words[1];
        struct doctor_backend *b;

        if (strchr(address, '$')) {
                doctor_facts_unseen(f,
                                    doctor_facts_print(f, "fastcgi_pass %s [%s:%u]", address, c->path, c->first_line),
                                    "its value is made when a request comes");
                return;
        }
        b = doctor_facts_add_backend(f);
        if (!b)
                return;
        b->server = "nginx";
        b->address = text_has_prefix(address, "unix:") ? address + strlen("unix:") : address;
        b->file = doctor_facts_keep(f, c->path);
        b->line = c->first_line;
}

static const char *nginx_place(const struct nginx_cursor *c) {
        return doctor_facts_print(c->nginx->f, "%s:%u", c->path, c->first_line);
}

static void nginx_add_server(const struct nginx_cursor *c, const char *upstream, const char *address) {
        struct nginx *n = c->nginx;
        struct nginx_server *servers = reallocarray(n->servers, n->n_servers + 1, sizeof(*servers));

        if (!servers) {
                n->f->failed = true;
                return;
        }
        n->servers = servers;
        servers[n->n_servers++] = (struct nginx_server){
                upstream, text_has_prefix(address, "unix:") ? address + strlen("unix:") : address, nginx_place(c)
        };
}

/* "/srv/site$fastcgi_script_name": what comes before a path, or before the last part of which a variable is made. */
static void nginx_take_script(struct nginx_cursor *c, struct nginx_block *block) {
        static const char *const paths[] = { "$fastcgi_script_name", "$uri", "$document_uri" };
        const char *value = c->n_words > 2 ? c->words[2] : "";
        size_t n = strcspn(value, "$");
        bool is_folder = false;

        if (value[0] != '/')
                return;
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                is_folder |= text_equal(value + n, paths[i]);
        while (n > 1 && !is_folder && value[n - 1] != '/')
                n--;
        while (n > 1 && value[n - 1] == '/')
                n--;
        block->script = doctor_facts_print(c->nginx->f, "%.*s", (int)n, value);
        block->script_place = nginx_place(c);
}

static void nginx_take_root(struct nginx_cursor *c, struct nginx_block *block) {
        block->root = c->words[1];
        block->root_place = nginx_place(c);
}

static void nginx_read_file(const char *path, void *userdata);

static void nginx_take_directive(struct nginx_cursor *c) {
        struct nginx *n = c->nginx;
        struct nginx_block *block = &n->blocks[n->n_blocks - 1];
        const char *name = c->n_words > 1 ? c->words[0] : "";

        if (text_equal(name, "fastcgi_pass"))
                nginx_add_backend(c);
        else if (text_equal(name, "root") && !strchr(c->words[1], '$'))
                nginx_take_root(c, block);
        else if (text_equal(name, "fastcgi_param") && text_equal(c->words[1], "SCRIPT_FILENAME"))
                nginx_take_script(c, block);
        else if (text_equal(name, "user") && n->n_blocks == 1)
                n->user = c->words[1];
        else if (text_equal(name, "server") && block->upstream)
                nginx_add_server(c, block->upstream, c->words[1]);
        else if (text_equal(name, "include") && n->depth < DOCTOR_WEBFILE_DEPTH)
                doctor_webfile_each(n->prefix, c->words[1], &(struct doctor_webfile_visitor){ nginx_read_file, n });
        c->n_words = 0;
}

/* A block deeper than there is room for is read as part of the one around it. */
static void nginx_open_block(struct nginx_cursor *c, unsigned *lost) {
        struct nginx *n = c->nginx;
        bool upstream = c->n_words > 1 && text_equal(c->words[0], "upstream");

        if (n->n_blocks == NGINX_BLOCKS)
                (*lost)++;
        else
                n->blocks[n->n_blocks++] = (struct nginx_block){ .upstream = upstream ? c->words[1] : NULL,
                                                                 .root = "",
                                                                 .root_place = "",
                                                                 .script = "",
                                                                 .script_place = "",
                                                                 .first = n->f->n_backends };
        c->n_words = 0;
}

/* What is inside and has no folder of its own has the block's. */
static void nginx_close_block(struct nginx *n, unsigned *lost) {
        const struct nginx_block *block = &n->blocks[n->n_blocks - 1];

        if (*lost > 0) {
                (*lost)--;
                return;
        }
        for (size_t i = block->first; i < n->f->n_backends; i++) {
                struct doctor_backend *b = &n->f->backends[i];

                if (*b->root)
                        continue;
                b->has_scripts_only = *block->script;
                b->root = *block->script ? block->script : block->root;
                b->root_place = *block->script ? block->script_place : block->root_place;
        }
        if (n->n_blocks > 1)
                n->n_blocks--;
}

static void nginx_read_file(const char *path, void *userdata) {
        struct nginx *n = userdata;
        _cleanup_free_ char *data = doctor_webfile_read(n->f, path);
        struct nginx_cursor c = { .nginx = n, .path = path, .at = data, .line = 1 };
        unsigned lost = 0;

        if (!data)
                return;
        n->depth++;
        for (nginx_skip(&c); *c.at; nginx_skip(&c)) {
                switch (*c.at) {
                case ';':
                        c.at++;
                        nginx_take_directive(&c);
                        break;
                case '{':
                        c.at++;
                        nginx_open_block(&c, &lost);
                        break;
                case '}':
                        c.at++;
                        nginx_close_block(n, &lost);
                        break;
                default:
                        nginx_take_word(&c);
                }
        }
        n->depth--;
}

/* Each name of an upstream becomes its servers: the first in its place, the others at the end. */
static void nginx_resolve(struct nginx *n, size_t first) {
        size_t last = n->f->n_backends;

        for (size_t i = first; i < last; i++) {
                const char *name = n->f->backends[i].address;
                bool found = false;

                for (size_t k = 0; k < n->n_servers; k++) {
                        struct doctor_backend copy = n->f->backends[i], *b;

                        if (!text_equal(n->servers[k].upstream, name))
                                continue;
                        b = found ? doctor_facts_add_backend(n->f) : &n->f->backends[i];
                        if (!b)
                                return;
                        *b = copy;
                        b->address = n->servers[k].address;
                        b->upstream = n->servers[k].upstream;
                        b->upstream_place = n->servers[k].place;
                        found = true;
                }
        }
}

bool doctor_nginx_read(struct doctor_facts *f, const char *path) {
        _cleanup_free_ char *folder = doctor_webfile_folder(path);
        struct nginx n = { .f = f, .prefix = folder, .user = "nobody", .n_blocks = 1 };
        size_t first = f->n_backends;
        unsigned lost = 0;

        n.blocks[0] =
                (struct nginx_block){ .root = "", .root_place = "", .script = "", .script_place = "", .first = first };
        _cleanup_free_ char *there = doctor_webfile_read(f, path);
        if (!there || !folder)
                return false;
        nginx_read_file(path, &n);
        n.n_blocks = 1;
        nginx_close_block(&n, &lost);
        nginx_resolve(&n, first);
        for (size_t i = first; i < f->n_backends; i++)
                f->backends[i].user = n.user;
        free(n.servers);
        return true;
}
