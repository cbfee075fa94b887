/* SPDX-License-Identifier: MIT */
#pragma once
/* listen.acl_users and listen.acl_groups: who may connect to a unix socket that fpmd has bound, as a POSIX ACL. acl(5)
 */

#include <stdbool.h>

#include "base/text.h"
#include "conf/model.h"

/* True when the pool has such a list: it then stands in place of listen.owner, listen.group and listen.mode. */
bool socketacl_is_wanted(const struct conf_pool *pool);

/* A name that nobody has: kind is "user" or "group". */
struct socketacl_unknown {
        enum conf_pool_row row; /* the directive that has it */
        const char *kind;
        const char *name;
};

/* Tells of it. Its value is what socketacl_resolve() returns. */
typedef int (*socketacl_tell_t)(const struct conf_pool *pool, const struct socketacl_unknown *u, struct text *problems);

/* The named users and groups, each with reading and writing, as an ACL's text. 0, or what tell() said of the last name
 * that nobody has. */
int socketacl_resolve(const struct conf_pool *pool, socketacl_tell_t tell, struct text *acl, struct text *problems);

/* Gives the file that the descriptor (also an O_PATH one) is open on that ACL. 0 or -errno. */
int socketacl_set(int fd, const char *text);
