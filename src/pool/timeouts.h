/* SPDX-License-Identifier: MIT */
#pragma once
/* When patience with a draining generation ends: a pure decision. */

#include "base/time.h"

enum timeouts_step {
        TIMEOUTS_WAITING,    /* requests in hand may finish */
        TIMEOUTS_TERMINATED, /* SIGTERM has been sent */
        TIMEOUTS_KILLED,     /* SIGKILL has been sent */
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
