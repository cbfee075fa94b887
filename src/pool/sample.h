/* SPDX-License-Identifier: MIT */
#pragma once
/* Looks at numbers that nobody counts at the moment of a change. Workers' words are hints. */

#include "pool/picture.h"

/* Brings the scoreboard's numbers up to date that nobody counts as they happen. Once a second. */
void sample_pool(struct pool *p);

/* Waits are counted from now on: nobody has looked for a while. */
void sample_begin(struct pool *p);

/* How many connections the listeners have room for, at once when there are others. A connection that waits in that
 * moment is not told: workers that have just begun take it. */
void sample_limits(struct pool *p);

/* Connections that workers have taken so far, from listeners and from the park. */
uint64_t sample_count_taken(const struct pool *p);

/* Workers of a generation that have no request in hand and have not been told to end: all of them, and those that have
 * been idle for so long. */
void sample_count_idle(const struct generation *g, usec_t idle_for, usec_t now, unsigned *ret_n, unsigned *ret_n_long);

/* Of the workers that sample_count_idle() counts, the one that was asked for last. False: there is none. */
bool sample_last_idle(const struct generation *g, usec_t idle_for, usec_t now, uint32_t *ret_slot);
