/* SPDX-License-Identifier: MIT */
/* Digits are a number, as php-fpm has it: a user with the name 1000 is not found by that name. */

#include "base/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#include "base/number.h"

/* True: it is an id. The last number, -1, is none. */
static bool account_number(const char *name, id_t *ret) {
        uint64_t number;

        if (number_parse_u64(name, UINT32_MAX - 1, &number) < 0)
                return false;
        *ret = (id_t)number;
        return true;
}

int account_named_user(const char *name, uid_t *ret) {
        const struct passwd *pw;

        errno = 0;
        pw = getpwnam(name);
        if (!pw)
                return errno ? -errno : -ENOENT;
        *ret = pw->pw_uid;
        return 0;
}

int account_named_group(const char *name, gid_t *ret) {
        const struct group *gr;

        errno = 0;
        gr = getgrnam(name);
        if (!gr)
                return errno ? -errno : -ENOENT;
        *ret = gr->gr_gid;
        return 0;
}

int account_user(const char *name, struct account *ret) {
        const struct passwd *pw;

        *ret = (struct account){ .gid = (gid_t)-1 };
        ret->by_number = account_number(name, &ret->uid);
        errno = 0;
        pw = ret->by_number ? getpwuid(ret->uid) : getpwnam(name);
        if (!pw && !ret->by_number)
                return errno ? -errno : -ENOENT;
        if (pw) {
                ret->uid = pw->pw_uid;
                ret->gid = pw->pw_gid;
                snprintf(ret->name, sizeof(ret->name), "%s", pw->pw_name);
        }
        return 0;
}

int account_group(const char *name, gid_t *ret) {
        return account_number(name, ret) ? 0 : account_named_group(name, ret);
}

bool account_is_root_user(const char *name) {
        struct account user;

        return account_user(name, &user) == 0 && user.uid == 0;
}

bool account_is_root_group(const char *name) {
        gid_t gid;

        return account_group(name, &gid) == 0 && gid == 0;
}
