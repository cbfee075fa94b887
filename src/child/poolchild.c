/* SPDX-License-Identifier: MIT */
#include "child/poolchild.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/shortage.h"
#include "child/attributes.h"
#include "child/chroot.h"
#include "ipc/inherit.h"
#include "ipc/message.h"

/* Descriptors that a zygote or a worker cannot do without: those that it inherits, n, twice while they are arranged,
 * and a few for PHP's start, an epoll, a script and what that includes. */
#define POOLCHILD_FILES_LEAST(n) ((unsigned)(INHERIT_FIRST + 2 * (n) + 24))

void poolchild_fail(int ipc, const char *what, int r) {
        struct ipc_message m = { .type = IPC_FAILED };
        char why[SHORTAGE_TEXT_MAX];

        snprintf(m.text, sizeof(m.text), "%s: %s", what, shortage_describe(r, why));
        ipc_message_send(ipc, &m, NULL);
        _exit(EXIT_FAILURE);
}

static int poolchild_become(const struct conf_pool *pool, const struct identity *who, int ipc) {
        int folder = -1, chroot_fd = -1, r;

        if (pool->chroot) {
                folder = chroot_open(pool->chroot);
                if (folder < 0)
                        poolchild_fail(ipc, "cannot open the directory of the directive 'chroot'", folder);
        }
        r = identity_become(who);
        if (r < 0)
                poolchild_fail(ipc, "cannot become the pool's user", r);
        r = pool->chroot ? chroot_start(folder, &chroot_fd) : 0;
        if (r == -EPERM)
                poolchild_fail(ipc, "directive 'chroot' takes a start as root, or CAP_SYS_CHROOT", r);
        if (r < 0)
                poolchild_fail(ipc, "cannot prepare to enter the chroot", r);
        r = identity_guard(who);
        if (r < 0)
                poolchild_fail(ipc, "cannot give up capabilities", r);
        return chroot_fd;
}

int poolchild_enter(const struct conf *settings, const struct identity *who, size_t n_fds, int ipc) {
        const struct conf_pool *pool = &settings->pools[0];
        unsigned least = POOLCHILD_FILES_LEAST(n_fds);

        attributes_set_limits(pool->name, attributes_files(pool->name, pool->rlimit_files, least), pool->rlimit_core);
        attributes_have_files(pool->name, least);
        attributes_set_priority(pool->name, attributes_priority(&settings->global, pool));
        return poolchild_become(pool, who, ipc);
}
