/* SPDX-License-Identifier: MIT */
#pragma once
/* From the master to a process of the pool's user: the steps between fork and exec. */

#include <sys/types.h>

#include "child/identity.h"
#include "child/order.h"
#include "pool/picture.h"

/* Who the pool's processes are; a failure is logged. 0 or -errno. */
int spawn_check_identity(const struct generation *g, struct identity *ret);

/* In the child: becomes who, and executes the program with its n descriptors from INHERIT_FIRST on and the log
 * level as its argument. Of the pool's processes that run no PHP. */
struct spawn_program {
        const char *name;
        int fd;
        int *fds;
        int n;
        const char *argument; /* behind the log level, or NULL */
};
_noreturn_ void spawn_helper(const struct pool *p, const struct identity *who, const struct spawn_program *program);

/* The master's environment without what is between it and systemd. NULL: out of memory. */
char **spawn_environment(void);

/* What only the zygote has. */
struct spawn_ends {
        int ipc, lifeline_read;
};

/* What a zygote starts with. */
struct spawn_zygote {
        struct order order;
        int *fds; /* ipc/inherit.h; borrowed, but for these two */
        size_t n;
        int conf_fd, access_fd;
};

/* 0 or -errno, of which what the pool's settings cause is logged. spawn_done() is right after both. */
int spawn_prepare(const struct generation *g, const struct spawn_ends *ends, struct spawn_zygote *ret);
void spawn_done(struct spawn_zygote *z);

/* A zygote by fork and exec. Its pid, or -errno. */
pid_t spawn_fork(const struct generation *g, const struct spawn_zygote *z);

/* It is the generation's: its pid and pidfd are set. 0 or -errno: it is killed, and a stranger. */
int spawn_adopt(struct generation *g, pid_t pid);

/* The loader (loader.h), with its end of the socket to the master. 0 or -errno. */
int spawn_loader(const struct pool_env *env, int ipc, int *ret_pidfd);

/* A zygote's argument list: its name, first (NULL-terminated), and what the command line says about PHP. Borrowed
 * strings, a fresh array; NULL: out of memory. */
char **spawn_zygote_arguments(const struct pool_env *env, char *const *first);
