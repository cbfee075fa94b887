/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Is a pool stuck: do connections wait, does nobody take one, although somebody should? Workers that are all busy take
 * none either, for as long as their scripts run, and that is no fault. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

/* One look at a pool. */
struct stuck_look {
        usec_t now;
        uint64_t taken;       /* connections that its workers have taken so far */
        uint64_t waiting;     /* connections that wait for a worker */
        unsigned n_workers;   /* alive */
        unsigned n_idle;      /* of these: wait for a connection, as they say */
        bool waits_for_start; /* a zygote is on its way, or is tried again later: that has limits of its own */
        bool has_no_room;     /* process.max: other pools have all workers that there may be */
};

/* Between looks. {} is a pool that nobody has looked at. */
struct stuck {
        usec_t since; /* nobody has taken a connection since then, though somebody should have; 0: it is not so */
        usec_t last;  /* the last look */
        uint64_t taken;
};

/* How long the pool has been stuck by now. 0: it is not, or this is the first look at which it is. */
usec_t stuck_look(struct stuck *s, const struct stuck_look *look);
