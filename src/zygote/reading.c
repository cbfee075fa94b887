/* SPDX-License-Identifier: MIT */
/*
 * A process may open /proc/self/mem while it is dumpable, and keeps what it has opened. So a worker is dumpable for
 * that moment alone. In that moment other processes of its user could open the file as well, also to write. They are
 * kept out in one of two ways:
 *
 *  - The kernel asks for the same group in all of real, effective and saved (ptrace(2)), and a worker then still has
 *    another saved group than those that run PHP code. A zygote takes it as it starts: with a master that is root, it
 *    has CAP_SETGID up to there (child/identity.h).
 *  - Yama's ptrace_scope is 1 or more, which lets nobody but a worker's own ancestors.
 */

#include "zygote/reading.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/fd.h"
#include "ipc/channel.h"

/* Of nobody's files, as the system has it; and what is taken by a pool that has that one. */
#define READING_GROUP       65534U
#define READING_OTHER_GROUP 65533U

/* Descriptors that the zygote must be able to open beside those that it keeps: of a worker, and of a backtrace. */
#define READING_FILES_LEFT 32

/* For a worker that somebody has stopped; the zygote's other work waits meanwhile. */
#define READING_WAIT_MS 1000

/* Others of its user cannot open a worker's memory in the moment in which it does. */
static bool reading_is_safe;

static bool reading_yama_restricts(void) {
        _cleanup_free_ char *scope = NULL;

        return fd_read_file("/proc/sys/kernel/yama/ptrace_scope", 64, &scope, NULL) == 0 && atoi(scope) > 0;
}

void reading_prepare(const struct conf_pool *pool) {
        gid_t saved = getegid() == READING_GROUP ? READING_OTHER_GROUP : READING_GROUP;

        if (pool->request_slowlog_timeout == 0 || pool->process_dumpable || geteuid() == 0)
                return; /* it has nothing to read, or may */
        if (capability_has(CAP_SETGID))
                reading_is_safe = setresgid((gid_t)-1, (gid_t)-1, saved) == 0;
        reading_is_safe = reading_is_safe || reading_yama_restricts();
}

static bool reading_has_room(int fd) {
        struct rlimit limit;

        return getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)fd + READING_FILES_LEFT < limit.rlim_cur;
}

void reading_pair(int ret[static 2]) {
        ret[0] = ret[1] = -1;
        if (!reading_is_safe)
                return;
        if (channel_pair(ret) < 0) {
                ret[0] = ret[1] = -1;
        } else if (!reading_has_room(ret[1])) {
                ret[0] = fd_close(ret[0]);
                ret[1] = fd_close(ret[1]);
        }
}

static int reading_open(void) {
        int fd;

        if (prctl(PR_SET_DUMPABLE, 1) < 0)
                return -errno;
        fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                _exit(EXIT_FAILURE);
        return fd < 0 ? -errno : fd;
}

static void reading_leave_group(void) {
        gid_t real, effective, saved;

        if (getresgid(&real, &effective, &saved) < 0 ||
            (saved != effective && setresgid((gid_t)-1, (gid_t)-1, effective) < 0))
                _exit(EXIT_FAILURE);
}

bool reading_give(int end) {
        _cleanup_fd_ int own = end, memory = own >= 0 ? reading_open() : -1;
        struct channel_message m = { .iov = &(struct iovec){ .iov_base = (char[]){ 0 }, .iov_len = 1 },
                                     .n_iov = 1,
                                     .fds = &memory,
                                     .n_fds = 1 };

        reading_leave_group();
        return memory >= 0 && channel_send(own, &m) == 0;
}

static bool reading_wait(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int n;

        do
                n = poll(&p, 1, READING_WAIT_MS);
        while (n < 0 && errno == EINTR);
        return n > 0;
}

int reading_take(int end) {
        _cleanup_fd_ int own = end;
        int memory = -1;
        char byte;
        struct channel_message m = {
                .iov = &(struct iovec){ .iov_base = &byte, .iov_len = 1 }, .n_iov = 1, .fds = &memory, .n_fds = 1
        };
        struct channel_received received;

        return own >= 0 && reading_wait(own) && channel_receive(own, &m, &received) == 0 ? memory : -1;
}
