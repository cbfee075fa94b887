/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The last requests of a pool that stops: those that its parks have. A worker that is there takes them; where there is
 * none, since the pool sleeps, wakes up or has lost its zygote, one is started for them. What cannot be served, since
 * PHP does not start or the time is over, is answered with 503 by a process of its own, which says how many it were.
 */

#include "pool/picture.h"

/* The pool is about to stop, gracefully: what has been handed over gets a park, and settings are kept for later. Before
 * the pool forgets its generations, and before parks_stop(). */
void last_begin(struct pool *p, usec_t now);

/* Sees to it that what the parks of a pool that stops offer is answered. When it is to be called again. */
usec_t last_supervise(struct pool *p, usec_t now);

/* Nobody is waited for any more. */
void last_end(struct pool *p);
