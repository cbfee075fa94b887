/* SPDX-License-Identifier: MIT */
/*
 * O_NONBLOCK belongs to the open file description, which whoever shares it may clear at any time: between a look at it,
 * or at what poll(2) says, and the call. Where the call itself can say that it does not wait (MSG_DONTWAIT,
 * RWF_NOWAIT), that is better. accept(2), a write to an eventfd and close(2) of a socket with SO_LINGER cannot; a
 * timer's signal gets them out. It comes periodically, since a single one could come before the call waits.
 */

#include "base/nudge.h"

#include <errno.h>
#include <stddef.h>
#include <sys/time.h>

#include "base/fd.h"
#include "base/time.h"

#define NUDGE_PERIOD USEC_PER_MSEC

static void nudge_on_alarm(_unused_ int sig) {
}

static int nudge_start(struct itimerval *ret_before) {
        const struct timeval t = { .tv_usec = NUDGE_PERIOD };

        return setitimer(ITIMER_REAL, &(struct itimerval){ .it_interval = t, .it_value = t }, ret_before) < 0 ? -errno
                                                                                                              : 0;
}

int nudge_begin(struct nudge *ret) {
        const struct sigaction action = { .sa_handler = nudge_on_alarm }; /* without SA_RESTART */
        sigset_t set;
        int r;

        *ret = (struct nudge){};
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
        r = nudge_start(&ret->timer);
        if (r < 0)
                nudge_end(ret);
        return r;
}

void nudge_end(struct nudge *n) {
        if (!n->on)
                return;
        n->on = false;
        (void)setitimer(ITIMER_REAL, &n->timer, NULL); /* a signal that was on its way is here when this returns */
        sigprocmask(SIG_SETMASK, &n->mask, NULL);
        sigaction(SIGALRM, &n->action, NULL);
}

int nudge_close(int fd) {
        _cleanup_nudge_ struct nudge nudge = {};

        if (fd >= 0)
                (void)nudge_begin(&nudge); /* if that is impossible, it is closed all the same */
        return fd_close(fd);
}
