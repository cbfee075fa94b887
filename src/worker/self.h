/* SPDX-License-Identifier: MIT */
#pragma once
/* A worker's state: all that lives longer than a request. */

#include <stdbool.h>
#include <stdint.h>

#include "conn/accept.h"
#include "conn/allow.h"
#include "log/out.h"
#include "worker/access.h"
#include "worker/kept.h"
#include "worker/memory.h"
#include "worker/shelf.h"
#include "worker/track.h"
#include "worker/transport.h"
#include "worker/warmup.h"
#include "worker/worker.h"

struct worker {
        const struct worker_setup *setup;
        struct acceptor acceptor;
        struct kept kept;
        struct shelf shelf;
        struct allow allow;
        struct track track;
        struct access access;
        struct log_out output[2]; /* stdout and stderr */
        struct transport transport;
        uint64_t n_served;
        uint64_t n_max; /* requests it serves at most; 0: any number */
        struct memory memory;
        bool ready;     /* the connection in hand has a request in the buffer */
        uint64_t nsec;  /* CLOCK_MONOTONIC at the last event: a wait's end, a request's end */
        usec_t turn;    /* since when this connection has been served without a look at others */
        bool abandoned; /* PHP is in the middle of a request */
        bool unfit;     /* PHP is not to be trusted with another one */
        bool last;      /* the pool stops: only what the park still has is served */
        bool ending;
        bool booted; /* worker.script has become ready */
        struct warmup warmup;
        bool busy;      /* worker.script has worked on after its last request */
        bool called;    /* it has been called for a request since the last worker_next() */
        int result;     /* worker_next()'s */
        usec_t expires; /* CLOCK_MONOTONIC: the worker is worn then; 0: never */
};

/* Before anything that follows a wait; what is done without one happens at the same time. */
static inline void self_read_clock(struct worker *w) {
        w->nsec = time_read_nsec(CLOCK_MONOTONIC);
}

static inline usec_t self_now(const struct worker *w) {
        return w->nsec / NSEC_PER_USEC;
}

/* The pool stops, and the park with it: nothing is kept for a next request. */
static inline bool self_pool_stops(const struct worker *w) {
        return *w->kept.stopping;
}
