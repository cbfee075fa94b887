/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A call that must not wait, on a descriptor that does so for everybody as soon as anybody clears O_NONBLOCK.
 */

#include <signal.h>
#include <stdbool.h>

#include "base/macros.h"

struct nudge {
        bool on;
        struct sigaction action; /* SIGALRM's, as it was */
        sigset_t mask;
};

/* From here to nudge_end() a call that waits is interrupted (EINTR) within milliseconds, again and again. So EINTR
 * says: it would have waited. For a program of one thread that has no other use for SIGALRM and ITIMER_REAL; not for a
 * fork in between. 0 or -errno; nudge_end() is right after both. */
int nudge_begin(struct nudge *ret);

void nudge_end(struct nudge *n);
#define _cleanup_nudge_ _cleanup_(nudge_end)
