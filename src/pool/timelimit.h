/* SPDX-License-Identifier: MIT */
#pragma once
/* Whose request has had its time, and when to look again: a pure decision, one worker at a time. */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

/* A pool's limits on one request, counted from its first byte; 0: none. */
struct timelimit_limits {
        usec_t terminate;
        usec_t slow;
        bool track_finished; /* terminate holds for what runs after the reply, too */
        bool traceable;      /* workers can be asked where their PHP code is */
};

/* A worker's slot as it was read: possibly lies, which hurt the liar alone. */
struct timelimit_request {
        uint32_t stage; /* enum stage */
        uint64_t id;
        usec_t since;
};

/* What the master has done about a worker. */
struct timelimit_memory {
        uint64_t id;        /* the request that slow_told and condemned_at are about */
        usec_t begun_after; /* when something was last done about an earlier request: this one has begun later, whatever
                               it says */
        bool slow_told;
        usec_t condemned_at;  /* 0: not; its time is over, and its trace is being made */
        bool traced;          /* there is nothing to wait for any more */
        usec_t terminated_at; /* 0: not; SIGTERM was sent, whatever the slot says since then */
        bool killed;
};

enum timelimit_action {
        TIMELIMIT_NOTHING,
        TIMELIMIT_TELL_SLOW,
        TIMELIMIT_CONDEMN,   /* log it, ask for its trace */
        TIMELIMIT_TERMINATE, /* SIGTERM */
        TIMELIMIT_KILL,      /* SIGKILL */
};

struct timelimit_plan {
        enum timelimit_action action; /* the next one; there may be another one after it */
        usec_t wake_at;               /* when nothing is to be done: look again then; USEC_INFINITY: no need */
};

/* How long a worker that is to end is kept for its trace. */
#define TIMELIMIT_TRACE (50 * USEC_PER_MSEC)

/* From SIGTERM to SIGKILL. */
#define TIMELIMIT_KILL_DELAY USEC_PER_SEC

/* True when the memory is about another request than this. A worker that has been sent SIGTERM has no other one. */
bool timelimit_is_other(const struct timelimit_memory *memory, const struct timelimit_request *request);

/* When a worker that has no request now has to be looked at. */
usec_t timelimit_next_look(const struct timelimit_limits *limits, usec_t now);

void timelimit_plan(const struct timelimit_limits *limits, const struct timelimit_request *request,
                    const struct timelimit_memory *memory, usec_t now, struct timelimit_plan *ret);
