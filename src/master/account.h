/* SPDX-License-Identifier: MIT */
#pragma once
/* Users and groups of a configuration, by name, or by number where nobody has that name. */

#include <sys/types.h>

/* 0 or -ENOENT. *ret_group is the user's own group; (gid_t)-1 for a number. */
int account_user(const char *name, uid_t *ret, gid_t *ret_group);
int account_group(const char *name, gid_t *ret);
