/* SPDX-License-Identifier: MIT */
#pragma once
/* A worker, and what it does from its first wait to its last request. */

#include <stdbool.h>
#include <stdint.h>

#include "conn/accept.h"
#include "conn/allow.h"
#include "log/out.h"
#include "worker/access.h"
#include "worker/kept.h"
#include "worker/memory.h"
#include "worker/track.h"
#include "worker/transport.h"
#include "worker/warmup.h"
#include "worker/worker.h"

struct worker {
        const struct worker_setup *setup;
        struct acceptor acceptor;
        struct kept kept;
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

/* Serves requests until the worker is to end. 0 or -errno. */
int worker_loop(struct worker *w);

/* The same for worker.script, which has had its call by then, or the worker is to end. */
int worker_next(struct worker *w);

/* The script works on: what comes on the connection in hand is another worker's, if the park takes it. */
void worker_share(struct worker *w);

/* The script has ended by itself: what the worker has in hand is another one's. */
void worker_leave(struct worker *w);
