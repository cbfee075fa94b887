/* SPDX-License-Identifier: MIT */
#pragma once
/* listen.acl_users and listen.acl_groups: who may connect to a unix socket that fpmd has bound, as a POSIX ACL. acl(5) */

#include <stdbool.h>

#include "base/text.h"
#include "conf/model.h"

/* True when the pool has such a list: it then stands in place of listen.owner, listen.group and listen.mode. */
bool socketacl_is_wanted(const struct conf_pool *pool);

/* Mode 0660 and the named users and groups, each with reading and writing. 0; SOCKETACL_E_PROBLEM, told in problems; -ENOMEM. */
enum { SOCKETACL_E_PROBLEM = 1 };
int socketacl_apply(const struct conf_pool *pool, const char *path, struct text *problems);
