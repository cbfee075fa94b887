/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A call that must not wait, on a descriptor that does so for everybody as soon as anybody clears O_NONBLOCK.
 */

#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>

#include "base/macros.h"

struct nowait {
        bool on;
        struct sigaction action; /* SIGALRM's, as it was */
        sigset_t mask;
        struct itimerval timer;
};

/* From here to nowait_end() a call that waits is interrupted (EINTR) within milliseconds, again and again. So EINTR
 * says: it would have waited. One may be inside of another. For a program of one thread; not for a fork in between. 0
 * or -errno; nowait_end() is right after both. */
int nowait_begin(struct nowait *ret);

void nowait_end(struct nowait *n);
#define _cleanup_nowait_ _cleanup_(nowait_end)

/* Closes a descriptor that others have made or shared: the last one who closes a TCP socket with SO_LINGER waits in
 * close(2), and sockets may lie in the queue of another one; a file system that a user serves (FUSE) may never answer,
 * which then another process waits for. A negative number is none. Returns -1. */
int nowait_close(int fd);
