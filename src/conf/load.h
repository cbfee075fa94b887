/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * From files to a checked model. Every problem found becomes one line of text with file, line and directive; a loader
 * that met one goes on, so that a config test names all it can.
 */

#include "base/text.h"
#include "conf/model.h"

/* Options that a command line adds to a file. */
struct conf_options {
        bool running_as_root; /* pools then must name a user that is not root */
        bool allow_root;      /* -R: they need not */
        bool testing;   /* names of users and groups must exist also where they cannot act: without root, or for a TCP
                           address */
        bool text_only; /* do not look at this machine: whether users, groups and folders exist */
        bool php_fpm;   /* php-fpm's defaults where fpmd has others: daemonize, error_log, syslog.ident */
        const char *prefix; /* -p: where relative paths begin; NULL: where those of php-fpm do, in /usr, logs in /var */
        const char *pid;    /* -g, or NULL: pid, where no file sets it */
};

/*
 * Reads path and all it includes, applies defaults, checks the rules across directives. 0 and *ret, the caller's.
 * CONF_E_INVALID: problems holds a "[FILE:LINE] what is wrong" line for each problem, where php-fpm has one after its
 * own, and the model is not returned. -errno: out of memory and the like. A file that is missing or unreadable is
 * CONF_E_INVALID too.
 */
enum { CONF_E_INVALID = 1 };
int conf_load(const char *path, const struct conf_options *options, struct conf **ret, struct text *problems);

/* The same from n bytes in memory; path is the name that problems give them. An include there is a problem. */
int conf_load_text(const char *path, const char *data, size_t n, const struct conf_options *options, struct conf **ret,
                   struct text *problems);

/*
 * One pool's effective settings as bytes for its zygote, and back: the table's directive names with their values, so
 * that no second description of the fields exists; the global settings go along. Both are exact inverses; the reader
 * trusts its bytes only as far as it would trust a file. *ret is malloc'ed. Unpack: CONF_E_INVALID when the bytes are
 * no such thing; the model has that one pool.
 */
int conf_pool_pack(const struct conf *c, const struct conf_pool *pool, char **ret, size_t *ret_n);
int conf_pool_unpack(const char *data, size_t n, struct conf **ret, struct text *problems);

/* Unpacks what is in the descriptor that a pool's process has inherited, and closes it. 0 or -errno; -EBADMSG: no such
 * settings, and problems says why. */
int conf_pool_read(int fd, struct conf **ret, struct text *problems);

/* The dump of -tt: every effective value, one "\tkey = value" line each, sections first; ";key =" for what is unset.
 * Loaded as a file it gives an equal model, unless a value holds a line break (which only ${NAME} can bring in). In
 * php-fpm's style unset values are undefined, and nothing is quoted: that is for eyes and patterns, not for loading. */
enum conf_dump_style { CONF_DUMP_LOADABLE, CONF_DUMP_PHP_FPM };
void conf_dump(const struct conf *c, enum conf_dump_style style, struct text *out);

/* One "[FILE:LINE] directive 'NAME': accepted, and without effect" line for each setting that is there for php-fpm's
 * sake alone. */
void conf_list_ignored(const struct conf *c, struct text *out);
