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
};

/* Serves requests until the worker is to end. 0 or -errno. */
int worker_loop(struct worker *w);
