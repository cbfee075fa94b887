/* SPDX-License-Identifier: MIT */
#pragma once
/* Who the processes of a pool are: from the master's user to the pool's. */

#include <stdbool.h>
#include <sys/types.h>

#include "conf/model.h"

struct identity {
        bool change;
        uid_t uid;
        gid_t gid;
        char name[256]; /* for initgroups(3); "" for a bare number */
};

/* Only root can choose; others stay who they are, as with php-fpm. 0 or -errno (-EPERM: root, and not allowed to). */
int identity_resolve(const struct conf_pool *conf, bool allow_root, struct identity *ret);

/* The capabilities that the process has stay permitted until its exec, or until identity_guard(). 0 or -errno. */
int identity_become(const struct identity *who);

/*
 * The last step before exec. With a master that is root, the program gets CAP_SETGID, and gives it up at its start: a
 * process is dumpable from its exec on until it says otherwise, and others of its user, who lack the capability, cannot
 * open its memory meanwhile (ptrace(2)). Without one it gets none. 0 or -errno.
 */
int identity_guard(const struct identity *who);
