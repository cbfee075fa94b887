/* SPDX-License-Identifier: MIT */
/*
 * The zygote has no capability, so another process enters for it (child/chroot.c). That one shares this one's root only
 * if nothing in PHP's start-up has parted them (unshare(2)): the answer counts when the root is what it says, and not
 * otherwise.
 */

#include "zygote/chroot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/chroot.h"
#include "ipc/inherit.h"
#include "worker/confine.h"

static int chroot_ask(int fd, struct ipc_chroot_answer *ret) {
        ssize_t n;

        if (send(fd, "", 1, MSG_NOSIGNAL) < 0)
                return -errno;
        do
                n = recv(fd, ret, sizeof(*ret), 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return n == sizeof(*ret) ? -ret->error : -EPIPE;
}

static int chroot_check(const struct ipc_chroot_answer *answer) {
        struct stat root;

        if (chdir("/") < 0 || stat("/", &root) < 0)
                return -errno;
        return root.st_dev == answer->device && root.st_ino == answer->inode ? 0 : -EXDEV;
}

int zygote_enter_chroot(const struct conf_pool *pool, char **ret_reason) {
        _cleanup_fd_ int fd = INHERIT_CHROOT;
        struct ipc_chroot_answer answer;
        int r;

        if (!pool->chroot)
                return 0;
        r = confine_change_hat(pool);
        if (r < 0)
                return r;
        r = chroot_ask(fd, &answer);
        if (r == 0)
                r = chroot_check(&answer);
        if (r < 0 && asprintf(ret_reason, "failed to chroot(%s): %s", pool->chroot, strerror(-r)) < 0)
                *ret_reason = NULL;
        return r;
}
