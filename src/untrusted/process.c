/* SPDX-License-Identifier: MIT */
/* See process.h. */

#include "untrusted/process.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/process.h"

#define PROCESS_PIDFD_THREAD O_EXCL /* pidfd_open(2): of one thread, which ends before its process does */

int untrusted_process_check(const struct untrusted_family *family, pid_t claimed, int pidfd) {
        pid_t pid = process_of_pidfd(pidfd), parent;
        bool ours;

        if (pid == -ESRCH)
                return UNTRUSTED_PROCESS_E_REAPED;
        if (pid < 0)
                return pid == -EBADF ? -EBADMSG : pid;
        if (pid != claimed || pid == family->zygote || (fcntl(pidfd, F_GETFL) & PROCESS_PIDFD_THREAD) ||
            family->owns(pid, family->userdata))
                return -EBADMSG;
        parent = process_parent(pid);
        ours = parent == family->zygote || (parent == getpid() && getpgid(pid) == family->zygote);
        if (process_is_reaped(pidfd)) /* so that was said of another process, which has got the number */
                return UNTRUSTED_PROCESS_E_REAPED;
        return ours ? 0 : -EBADMSG;
}
