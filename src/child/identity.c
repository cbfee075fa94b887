/* SPDX-License-Identifier: MIT */
#include "child/identity.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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

/* Shared with the process that looks. */
struct identity_groups {
        int n; /* or -errno */
        gid_t gids[NGROUPS_MAX];
};

/* It has all descriptors of its parent, and a directory may let it wait for long: it ends when that one does. */
static int identity_look_aside(const struct identity *who, struct identity_groups *g) {
        pid_t own = getpid(), pid;

        g->n = -ECHILD; /* should it be killed */
        pid = fork();
        if (pid == 0) {
                int n = NGROUPS_MAX;

                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != own)
                        _exit(EXIT_FAILURE);
                g->n = getgrouplist(who->name, who->gid, g->gids, &n) < 0 ? -E2BIG : n;
                _exit(EXIT_SUCCESS);
        }
        if (pid < 0)
                return -errno;
        while (waitpid(pid, NULL, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return g->n;
}

int identity_take_groups(struct identity *who) {
        struct identity_groups *g;
        int r;

        if (!who->change || !who->name[0])
                return 0;
        g = mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (g == MAP_FAILED)
                return -errno;
        r = identity_look_aside(who, g);
        if (r >= 0)
                r = setgroups((size_t)r, g->gids) < 0 ? -errno : 0;
        munmap(g, sizeof(*g));
        who->has_groups = r == 0;
        return r;
}

static int identity_set_groups(const struct identity *who) {
        if (who->has_groups)
                return 0;
        return (who->name[0] ? initgroups(who->name, who->gid) : setgroups(1, &who->gid)) < 0 ? -errno : 0;
}

int identity_become(const struct identity *who) {
        int r;

        if (!who->change)
                return 0;
        if (prctl(PR_SET_KEEPCAPS, 1UL, 0UL, 0UL, 0UL) < 0)
                return -errno;
        r = identity_set_groups(who);
        if (r < 0)
                return r;
        if (setresgid(who->gid, who->gid, who->gid) < 0 || setresuid(who->uid, who->uid, who->uid) < 0)
                return -errno;
        /* an exec would do so; without one, a script of root's that changes its user would keep what root may */
        return prctl(PR_SET_KEEPCAPS, 0UL, 0UL, 0UL, 0UL) < 0 ? -errno : 0;
}

int identity_guard(const struct identity *who) {
        if (geteuid() == 0)
                return 0; /* root stays what it is: fpmd was told -R */
        if (who->change && capability_pass(CAP_SETGID) == 0)
                return 0;
        return capability_drop_all();
}
