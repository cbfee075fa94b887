/* SPDX-License-Identifier: MIT */
/* The name comes first: a user may be called 1000. */

#include "master/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "base/number.h"

/* A number that is an id: the last one, -1, is none. */
static int account_number(const char *name, id_t *ret) {
        uint64_t number;

        if (number_parse_u64(name, UINT32_MAX - 1, &number) < 0)
                return -ENOENT;
        *ret = (id_t)number;
        return 0;
}

int account_user(const char *name, uid_t *ret, gid_t *ret_group) {
        const struct passwd *pw = getpwnam(name);

        *ret_group = pw ? pw->pw_gid : (gid_t)-1;
        if (!pw)
                return account_number(name, ret);
        *ret = pw->pw_uid;
        return 0;
}

int account_group(const char *name, gid_t *ret) {
        const struct group *gr = getgrnam(name);

        if (!gr)
                return account_number(name, ret);
        *ret = gr->gr_gid;
        return 0;
}
