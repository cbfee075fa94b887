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
        char name[256];  /* whose groups are to be looked for; "" for a bare number */
        bool has_groups; /* the process has them already */
};

/* Only root can choose; others stay who they are, as with php-fpm. 0 or -errno (-EPERM: root, and not allowed to). */
int identity_resolve(const struct conf_pool *conf, bool allow_root, struct identity *ret);

/* Takes the user's groups without an exec to follow: another process looks for them, so that nothing stays here of what
 * the C library loads and opens for that (nsswitch.conf(5)). 0 or -errno. */
int identity_take_groups(struct identity *who);

/* The capabilities that the process has stay permitted until its exec, or until identity_guard(). 0 or -errno. */
int identity_become(const struct identity *who);

/*
 * The last step before exec. With a master that is root, the program gets CAP_SETGID, and gives it up at its start: a
 * process is dumpable from its exec on until it says otherwise, and others of its user, who lack the capability, cannot
 * open its memory meanwhile (ptrace(2)). Without one it gets none. 0 or -errno.
 */
int identity_guard(const struct identity *who);
