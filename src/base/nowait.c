/* SPDX-License-Identifier: MIT */
/*
 * O_NONBLOCK belongs to the open file description, which whoever shares it may clear at any time: between a look at it,
 * or at what poll(2) says, and the call. Where the call itself can say that it does not wait (MSG_DONTWAIT,
 * RWF_NOWAIT), that is better. accept(2), a write to an eventfd and close(2) of a socket with SO_LINGER cannot; a
 * timer's signal gets them out. It comes periodically, since a single one could come before the call waits.
 */

#include "base/nowait.h"

#include <errno.h>
#include <stddef.h>
#include <sys/time.h>

#include "base/fd.h"
#include "base/time.h"

#define NOWAIT_PERIOD USEC_PER_MSEC

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

int nowait_close(int fd) {
        _cleanup_nowait_ struct nowait nowait = {};

        if (fd >= 0)
                (void)nowait_begin(&nowait); /* if that is impossible, it is closed all the same */
        return fd_close(fd);
}
