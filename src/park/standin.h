/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A process of this program that stands in for the workers of a pool whose PHP does not start: it takes connections at
 * the listeners, and what a park offers, and answers each request with 503. It ends when it is told to retire. Where
 * the pool stops it has no listeners, and ends with the last park.
 */

#include "park/park.h"

/* Listeners are the n descriptors from first on. 0 or -errno. */
int standin_begin(struct park *park, int first, size_t n);

/* True when what an event is about is a listener: then one connection has been taken, but none after the end. */
bool standin_on_event(struct park *park, const void *what);

/* Whether this process is such a one, and takes connections. */
bool standin_serves(const struct park *park);

/* No more is taken. Idempotent. */
void standin_end(struct park *park);
