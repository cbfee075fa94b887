/* SPDX-License-Identifier: MIT */
#include "child/identity.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/account.h"
#include "base/capability.h"

int identity_resolve(const struct conf_pool *conf, bool allow_root, struct identity *ret) {
        struct account user;
        int r;

        *ret = (struct identity){ .uid = getuid(), .gid = getgid() };
        if (geteuid() != 0 || (!conf->user && allow_root))
                return 0;
        if (!conf->user)
                return -EPERM;
        ret->change = true;
        r = account_user(conf->user, &user);
        if (r == 0) {
                ret->uid = user.uid;
                ret->gid = user.gid != (gid_t)-1 ? user.gid : ret->gid;
                memcpy(ret->name, user.name, sizeof(ret->name));
        }
        if (r == 0 && conf->group)
                r = account_group(conf->group, &ret->gid);
        if (r == 0 && (ret->uid == 0 || ret->gid == 0) && !allow_root)
                r = -EPERM; /* no PHP runs as root, unless that was asked for */
        return r;
}

int identity_become(const struct identity *who) {
        if (!who->change)
                return 0;
        if (prctl(PR_SET_KEEPCAPS, 1UL, 0UL, 0UL, 0UL) < 0)
                return -errno;
        if (who->name[0] ? initgroups(who->name, who->gid) < 0 : setgroups(1, &who->gid) < 0)
                return -errno;
        if (setresgid(who->gid, who->gid, who->gid) < 0 || setresuid(who->uid, who->uid, who->uid) < 0)
                return -errno;
        return 0;
}

int identity_guard(const struct identity *who) {
        if (geteuid() == 0)
                return 0; /* root stays what it is: fpmd was told -R */
        if (who->change && capability_pass(CAP_SETGID) == 0)
                return 0;
        return capability_drop_all();
}
