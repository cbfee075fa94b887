/* SPDX-License-Identifier: MIT */
#pragma once
/* Whose request has had its time, and when to look again: a pure decision, one worker at a time. */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

/* A pool's limits on one request, counted from its first byte; 0: none. */
struct patience_limits {
        usec_t terminate;
        usec_t slow;
        bool track_finished; /* terminate holds for what runs after the reply, too */
        bool traceable;      /* workers can be asked where their PHP code is */
};

/* A worker's slot as it was read: possibly lies, which hurt the liar alone. */
struct patience_request {
        uint32_t stage; /* enum stage */
        uint64_t id;
        usec_t since;
};

/* What the master has done about a worker. */
struct patience_memory {
        uint64_t id;        /* the request that slow_told and condemned_at are about */
        usec_t begun_after; /* when something was last done about an earlier request: this one has begun later, whatever
                               it says */
        bool slow_told;
        usec_t condemned_at;  /* 0: not; its time is over, and its trace is being made */
        bool traced;          /* there is nothing to wait for any more */
        usec_t terminated_at; /* 0: not; SIGTERM was sent, whatever the slot says since then */
        bool killed;
};

enum patience_action {
        PATIENCE_NOTHING,
        PATIENCE_TELL_SLOW,
        PATIENCE_CONDEMN,   /* log it, ask for its trace */
        PATIENCE_TERMINATE, /* SIGTERM */
        PATIENCE_KILL,      /* SIGKILL */
};

struct patience_plan {
        enum patience_action action; /* the next one; there may be another one after it */
        usec_t wake_at;              /* when nothing is to be done: look again then; USEC_INFINITY: no need */
};

/* How long a worker that is to end is kept for its trace. */
#define PATIENCE_TRACE (50 * USEC_PER_MSEC)

/* From SIGTERM to SIGKILL. */
#define PATIENCE_KILL_DELAY USEC_PER_SEC

/* True when the memory is about another request than this. Who has been sent SIGTERM has no other one. */
bool patience_is_other(const struct patience_memory *memory, const struct patience_request *request);

/* When a worker that has no request now has to be looked at. */
usec_t patience_next_look(const struct patience_limits *limits, usec_t now);

void patience_plan(const struct patience_limits *limits, const struct patience_request *request,
                   const struct patience_memory *memory, usec_t now, struct patience_plan *ret);
