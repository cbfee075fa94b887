/* SPDX-License-Identifier: MIT */
/*
 * O_NONBLOCK belongs to the open file description, which whoever shares it may clear at any time: between a look at it,
 * or at what poll(2) says, and the call. Where the call itself can say that it does not wait (MSG_DONTWAIT,
 * RWF_NOWAIT), that is better. accept(2), a write to an eventfd and close(2) of a socket with SO_LINGER cannot; a
 * timer's signal gets them out. It comes periodically, since a single one could come before the call waits. A close(2)
 * that waits for a file system is left to another process.
 */

#include "base/nowait.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"

#define NOWAIT_PERIOD USEC_PER_MSEC

/* For how long another process is waited for to begin, in pauses of 50 us. */
#define NOWAIT_TRIES 200

static void nowait_on_alarm(_unused_ int sig) {
}

static int nowait_start(struct itimerval *ret_before) {
        const struct timeval t = { .tv_usec = NOWAIT_PERIOD };

        return setitimer(ITIMER_REAL, &(struct itimerval){ .it_interval = t, .it_value = t }, ret_before) < 0 ? -errno
                                                                                                              : 0;
}

int nowait_begin(struct nowait *ret) {
        const struct sigaction action = { .sa_handler = nowait_on_alarm }; /* without SA_RESTART */
        sigset_t set;
        int r;

        *ret = (struct nowait){};
        sigemptyset(&set);
        sigaddset(&set, SIGALRM);
        if (sigaction(SIGALRM, &action, &ret->action) < 0)
                return -errno;
        if (sigprocmask(SIG_UNBLOCK, &set, &ret->mask) < 0) {
                r = -errno;
                sigaction(SIGALRM, &ret->action, NULL);
                return r;
        }
        ret->on = true;
        r = nowait_start(&ret->timer);
        if (r < 0)
                nowait_end(ret);
        return r;
}

void nowait_end(struct nowait *n) {
        if (!n->on)
                return;
        n->on = false;
        (void)setitimer(ITIMER_REAL, &n->timer, NULL); /* a signal that was on its way is here when this returns */
        sigprocmask(SIG_SETMASK, &n->mask, NULL);
        sigaction(SIGALRM, &n->action, NULL);
}

/* Whether a close(2) goes to a file system that somebody serves, perhaps. What the kernel has by itself has a name that
 * is no path ("pipe:[7]"), but a memfd. None of the calls here asks the file system. */
static bool nowait_has_file_system(int fd) {
        char path[64], first;

        if (fcntl(fd, F_GET_SEALS) >= 0 || fcntl(fd, F_GETPIPE_SZ) >= 0)
                return false;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return readlink(path, &first, 1) == 1 && first == '/';
}

/* A process with the same descriptors as this one, of which nobody hears when it ends. */
static long nowait_clone(void) {
        return syscall(SYS_clone, (long)CLONE_FILES, NULL, NULL, NULL, NULL);
}

/* No signal but SIGKILL ends a close(2) that waits for a file system, and not always that one. So another process
 * closes it: a grandchild, which its reaper will find. The number is free as soon as it begins. False: there is no such
 * process. */
static bool nowait_close_apart(int fd) {
        const struct timespec pause = { .tv_nsec = 50 * 1000 };
        long pid = nowait_clone();
        int status = 0;

        if (pid == 0) {
                pid = nowait_clone();
                if (pid == 0)
                        close(fd);
                _exit(pid < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }
        while (pid > 0 && waitpid((pid_t)pid, &status, __WALL) < 0)
                if (errno != EINTR)
                        return false;
        if (pid < 0 || status != 0)
                return false;
        for (int i = 0; i < NOWAIT_TRIES && fd_is_open(fd); i++)
                (void)nanosleep(&pause, NULL); /* so that the next fork does not have it */
        return true;
}

int nowait_close(int fd) {
        _cleanup_nowait_ struct nowait nowait = {};

        if (fd >= 0 && nowait_has_file_system(fd) && nowait_close_apart(fd))
                return -1;
        if (fd >= 0)
                (void)nowait_begin(&nowait); /* if that is impossible, it is closed all the same */
        return fd_close(fd);
}
