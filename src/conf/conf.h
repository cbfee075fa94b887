/* SPDX-License-Identifier: MIT */
#pragma once
/* A model's life: built, asked, freed. */

#include "base/text.h"
#include "conf/model.h"

/* An empty model: every global directive has its default. NULL: out of memory. */
struct conf *conf_new(void);
void conf_free(struct conf *c);
DEFINE_CLEANUP(struct conf *, conf_free)
#define _cleanup_conf_ _cleanup_(conf_freep)

/* The pool of that name, letter by letter; NULL: none. */
const struct conf_pool *conf_find_pool(const struct conf *c, const char *name);

/* The same, capital letters or not: the pool that a section of this name continues, as with php-fpm. Everywhere else a
 * pool goes by the name that its first section has. */
const struct conf_pool *conf_find_section(const struct conf *c, const char *name);

/* Accept queues of a TCP pool that brings none along: listen.shards; with auto one for each CPU that this process may
 * use. */
unsigned conf_pool_shards(const struct conf_pool *pool);

/* Takes the pools out that keep() does not want. How many are left. */
size_t conf_keep_pools(struct conf *c, bool (*keep)(void *ctx, const struct conf_pool *pool), void *ctx);

/* The users that may connect to the pool's unix socket, numbers with blanks between; "": nobody; NULL: all. The
 * pool's. */
const char *conf_pool_peers(const struct conf_pool *pool);

/* Whether the pool limits what waits for a worker: then the park has the queue, and the listeners. */
bool conf_pool_limits_queue(const struct conf_pool *pool);

/* For those who build a model. Each copies its strings and returns 0 or -ENOMEM. No two pools have the same name,
 * capital letters or not. */
int conf_add_pool(struct conf *c, const char *name, struct conf_where where, struct conf_pool **ret);
int conf_add_file(struct conf *c, const char *path, const char **ret);
int conf_add_notice(struct conf *c, const char *fmt, ...) _printf_(2, 3);

/* Takes down that the pool of that file is left to a unit of its own, with a notice. 0 or -ENOMEM. */
int conf_add_left(struct conf *c, const char *pool, const char *file);

/* Takes down that the pool is left out, since it has no socket, with the line that tells so. 0 or -ENOMEM. */
int conf_add_absent(struct conf *c, const char *pool, const char *line);
bool conf_is_absent(const struct conf *c, const char *pool);

/* It is one of those that conf_add_left() has taken down. */
bool conf_is_left(const struct conf *c, const char *pool);

/* Sets n_noticed, as long as there is no problem. */
void conf_count_notices(struct conf *c, const struct text *problems);
int conf_pairs_add(struct conf_pairs *pairs, const char *key, const char *value, struct conf_where where);
int conf_add_php_setting(struct conf_pool *pool, const struct conf_php_setting *setting);

/* Which of the four directives the setting was written with; and the setting that is written with it, which borrows its
 * strings. */
enum conf_array_kind conf_php_setting_kind(const struct conf_php_setting *setting);
struct conf_php_setting conf_php_setting_of(enum conf_array_kind kind, const char *key, const char *value,
                                            struct conf_where where);

/* The pool's pairs of that kind; NULL: it is a kind of PHP setting. */
struct conf_pairs *conf_pool_pairs(struct conf_pool *pool, enum conf_array_kind kind);
const struct conf_pairs *conf_pool_pairs_const(const struct conf_pool *pool, enum conf_array_kind kind);

void conf_pairs_remove(struct conf_pairs *pairs, size_t i);
void conf_remove_php_setting(struct conf_pool *pool, size_t i);

/* Whether the text names the journal in place of a log file: "journal", or as php-fpm's files say it, "syslog". */
bool conf_is_journal(const char *path);
