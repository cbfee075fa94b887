/* SPDX-License-Identifier: MIT */
#pragma once
/* From the master to a process of the pool's user: the steps between fork and exec. */

#include <stdbool.h>
#include <sys/types.h>

#include "conf/model.h"
#include "pool/picture.h"

struct spawn_identity {
        bool change;
        uid_t uid;
        gid_t gid;
        char name[256]; /* for initgroups(3); "" for a bare number */
};

/* Who the pool's processes are. Only root can choose; others stay who they are, as with php-fpm. 0 or -errno (-EPERM:
 * root, and not allowed to). */
int spawn_resolve_identity(const struct conf_pool *conf, bool allow_root, struct spawn_identity *ret);

/* The same of a generation; a failure is logged. */
int spawn_check_identity(const struct generation *g, struct spawn_identity *ret);

/* The capabilities that the process has stay permitted until its exec, or until spawn_guard(). 0 or -errno. */
int spawn_become(const struct spawn_identity *who);

/*
 * The last step before exec. With a master that is root, the program gets CAP_SETGID, and gives it up at its start: a
 * process is dumpable from its exec on until it says otherwise, and others of its user, who lack the capability, cannot
 * open its memory meanwhile (ptrace(2)). Without one it gets none. 0 or -errno.
 */
int spawn_guard(const struct spawn_identity *who);

/* Moves n descriptors to the numbers from INHERIT_FIRST on, by way of numbers above all of them so that none is
 * overwritten before it has moved, and program to such a number. -1: the number stays free. All others are closed
 * first: the master may have as many as there can be. 0 or -errno; a descriptor that has not moved by then has still
 * the number in fds.
 */
int spawn_arrange(int *fds, int n, int *program);

/* In the child: becomes who, and executes the program with its n descriptors from INHERIT_FIRST on and the log
 * level as its argument. Of the pool's processes that run no PHP. */
struct spawn_program {
        const char *name;
        int fd;
        int *fds;
        int n;
        const char *argument; /* behind the log level, or NULL */
};
_noreturn_ void spawn_helper(const struct pool *p, const struct spawn_identity *who,
                             const struct spawn_program *program);

/* The master's environment without what is between it and systemd. NULL: out of memory. */
char **spawn_environment(void);

/* A generation's zygote: its pid and pidfd are set. 0 or -errno, of which what the pool's settings cause is logged. */
int spawn_zygote(struct generation *g, int ipc_child, int lifeline_read);

/* A zygote's argument list: its name, first (NULL-terminated), and what the command line says about PHP. Borrowed
 * strings, a fresh array; NULL: out of memory. */
char **spawn_zygote_arguments(const struct pool_env *env, char *const *first);
