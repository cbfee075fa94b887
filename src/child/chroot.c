/* SPDX-License-Identifier: MIT */
/*
 * PHP's start-up belongs outside of a chroot, its workers inside, and no process that runs code of the pool's may have
 * CAP_SYS_CHROOT: asleep or not, native code would take it, and with a root of its own making a set-user-ID program is
 * root. So another process has it, whose memory nobody of the pool's user can reach: it has a capability that they lack
 * (ptrace(2)), and is not dumpable.
 *
 * It reads nothing of what it gets. The folder is its descriptor's, looked up through /proc by an absolute path: the
 * zygote can change the working directory that both share at any moment, but not the root. It never goes back.
 */

#include "child/chroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/nowait.h"
#include "base/trusted.h"
#include "ipc/chroot.h"

int chroot_open(const char *path) {
        char folder[PATH_MAX];

        if (snprintf(folder, sizeof(folder), "%s/.", path) >= (int)sizeof(folder)) /* past a link at its end, too */
                return -ENAMETOOLONG;
        return trusted_open(folder, O_PATH | O_DIRECTORY, 0);
}

static struct ipc_chroot_answer chroot_enter(int folder) {
        struct ipc_chroot_answer answer = {};
        struct stat st;
        char path[64];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", folder);
        if (fstat(folder, &st) < 0 || chroot(path) < 0) {
                answer.error = errno;
                return answer;
        }
        answer.device = st.st_dev;
        answer.inode = st.st_ino;
        return answer;
}

/* Everything of the master's that came with the fork goes; the two descriptors are moved in front of what is closed. */
static int chroot_let_go(int *folder, int *fd) {
        _cleanup_nowait_ struct nowait nowait = {}; /* other pools' descriptors are among them */

        if (dup2(*folder, STDIN_FILENO) < 0 || dup2(*fd, STDOUT_FILENO) < 0)
                return -errno;
        *folder = STDIN_FILENO;
        *fd = STDOUT_FILENO;
        (void)nowait_begin(&nowait);
        if (syscall(SYS_close_range, STDERR_FILENO, ~0U, 0U) < 0)
                return -errno;
        prctl(PR_SET_NAME, "fpmd-chroot");
        return prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : capability_keep(CAP_SYS_CHROOT);
}

_noreturn_ static void chroot_serve(int folder, int fd) {
        struct ipc_chroot_answer answer;
        char request;
        ssize_t n;

        if (chroot_let_go(&folder, &fd) < 0)
                _exit(EXIT_FAILURE);
        do
                n = recv(fd, &request, sizeof(request), 0);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                _exit(EXIT_SUCCESS); /* the zygote is gone */
        answer = chroot_enter(folder);
        capability_drop_all();
        (void)!send(fd, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
        _exit(EXIT_SUCCESS);
}

int chroot_start(int folder, int *ret_fd) {
        _cleanup_fd_ int inside = folder, own = -1;
        int pair[2], r;
        long pid;

        if (geteuid() != 0 && !capability_has(CAP_SYS_CHROOT))
                return -EPERM;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        own = pair[1];
        pid = syscall(SYS_clone, (long)(CLONE_FS | CLONE_PARENT | SIGCHLD), NULL, NULL, NULL, NULL);
        if (pid == 0)
                chroot_serve(inside, own);
        r = pid < 0 ? -errno : 0;
        if (r < 0) {
                fd_close(pair[0]);
                return r;
        }
        *ret_fd = pair[0];
        return 0;
}
