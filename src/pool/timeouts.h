/* SPDX-License-Identifier: MIT */
#pragma once
/* When the time of a draining generation, or of one worker that was told to end, is over: pure decisions. */

#include <stdbool.h>

#include "base/time.h"

enum timeouts_step {
        TIMEOUTS_WAITING,    /* requests in hand may finish */
        TIMEOUTS_TERMINATED, /* SIGTERM has been sent */
        TIMEOUTS_KILLED,     /* SIGKILL has been sent */
        TIMEOUTS_LEFT,       /* processes that did not go then are left behind */
};

struct timeouts_input {
        enum timeouts_step step;
        usec_t since; /* when the step was entered */
        usec_t control_timeout;
        usec_t now;
};

struct timeouts_plan {
        enum timeouts_step step; /* the step to be in now */
        usec_t wake_at;          /* look again then; USEC_INFINITY: no more to be done */
};

/* How long a worker may take to end after SIGTERM before it is killed. */
#define TIMEOUTS_KILL_DELAY USEC_PER_SEC

void timeouts_plan(const struct timeouts_input *in, struct timeouts_plan *ret);

/* How long a zygote may take for the answer to an order, or for the news that a worker has ended. */
#define TIMEOUTS_ANSWER (5 * USEC_PER_SEC)

/* How long a process may take to end after SIGKILL. One that takes longer runs no code of its own any more: somebody
 * traces it (ptrace(2)), or the kernel waits for a device or a server. Nobody waits for it then. */
#define TIMEOUTS_LEAVE_BEHIND (5 * USEC_PER_SEC)

/* How long an idle worker that was told to end by SIGQUIT may take, which is at once unless its script has seen to
 * that; and how often one is looked at that has a request in hand by then, which it may finish. */
#define TIMEOUTS_LEAVE_DELAY (5 * USEC_PER_SEC)
#define TIMEOUTS_LEAVE_LOOK  USEC_PER_SEC

/* True when it is to be killed. Else *wake_at is no later than the next look. */
bool timeouts_leave_is_over(usec_t told, bool idle, usec_t now, usec_t *wake_at);
