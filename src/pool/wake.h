/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Pools that sleep. One has a current generation without any process, whose listeners the master watches. Its life, in
 * order:
 *
 *   1. It goes to sleep: wake_supervise() finds that nobody has used it for pool.sleep_after, and lays down such a
 *      generation (start.h); the zygote goes. A pool that begins asleep gets it from pool_start_generation().
 *   2. It sleeps: the lookout tells of a connection, by picture_changed().
 *   3. It wakes up: wake_supervise() starts a successor with the same settings, whose zygote wake_supervise_turn()
 *      starts when its turn has come.
 *   4. It is awake: replace.c puts the successor in charge when that accepts, as any other. The turn is given back.
 *
 * Who watched the listeners up to then is told to end, and in the same turn of the loop the lookout, or the backlog of
 * pm = ondemand, watches them: what has come before or in between is an event for it at once, so none is missed.
 */

#include "pool/lookout.h"
#include "pool/picture.h"
#include "pool/ration.h"

/* For all pools. */
struct wakes {
        struct lookout lookout;
        struct ration ration;       /* pools that start PHP: so many at once */
        sd_event_source *next_turn; /* somebody's turn has come */
};

/* Once, by the master, before the first pool, and after the last one. n_at_once: pools that may be starting PHP at the
 * same time. 0 or -errno. */
int wake_init(struct wakes *w, sd_event *event, unsigned n_at_once);
void wake_done(struct wakes *w);

/* After each change of a pool, by supervise.c, these two in this order; each says when it is to be called again.
 *
 * Has the pool go to sleep, or wake up, when it is time. */
usec_t wake_supervise(struct pool *p, usec_t now);

/* Starts a zygote that is to start, whatever for, when its turn has come; gives the turn back when that is up, or takes
 * long. */
usec_t wake_supervise_turn(struct pool *p, usec_t now);

/* Once a second, by who looks at all pools: true when it sleeps, and nothing of it is left that could change. */
bool wake_is_quiet(const struct pool *p);

/* At last, before the pool or its listeners are freed: the lookout forgets it, and so does who waits for a turn. */
void wake_forget(struct pool *p);
