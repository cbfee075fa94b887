/* SPDX-License-Identifier: MIT */
#pragma once
/* Users and groups of a configuration, by number or by name. */

#include <stdbool.h>
#include <sys/types.h>

struct account {
        uid_t uid;
        gid_t gid;      /* its own group; (gid_t)-1: nobody has the number */
        char name[256]; /* "" where nobody has the number */
        bool by_number;
};

/* 0; -ENOENT: nobody has the name, and it is no number; another -errno. A number that nobody has is good. */
int account_user(const char *name, struct account *ret);
int account_group(const char *name, gid_t *ret);

/* From here on to account_forget() who has been found once, by either of the two, is not looked for again: thousands of
 * pools, each of which names its user several times, would else be read from the file of users for longer than all else
 * takes. */
void account_remember(void);
void account_forget(void);

/* By name alone, even one of digits. 0; -ENOENT; another -errno. */
int account_named_user(const char *name, uid_t *ret);
int account_named_group(const char *name, gid_t *ret);

/* The user, or the group, has the number 0. False for a name that nobody has. */
bool account_is_root_user(const char *name);
bool account_is_root_group(const char *name);
