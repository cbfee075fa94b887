/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Pools that sleep. One has a current generation without any process, whose listeners the master watches; a connection
 * wakes it: a successor with the same settings is started, when its turn has come, and takes over. A pool that nobody
 * has used for pool.sleep_after gets such a generation back, and its zygote goes.
 *
 * The listeners are watched, by the lookout or by the backlog of pm = ondemand, before anybody who watched them up to
 * then is told to end, and what waits is looked at afterwards: no connection comes in between.
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

/* n_at_once: pools that may be starting PHP at the same time. 0 or -errno. */
int wake_init(struct wakes *w, sd_event *event, unsigned n_at_once);
void wake_done(struct wakes *w);

/* Goes to sleep, or wakes up, when it is time. When it is to be called again. */
usec_t wake_supervise(struct pool *p, usec_t now);

/* A zygote that is to start is started when its turn has come, and gives the turn back when it is up, or takes long.
 * When it is to be called again. */
usec_t wake_supervise_turn(struct pool *p, usec_t now);

/* Its listeners are not watched any more. Before the pool, or its listeners, are freed. */
void wake_forget(struct pool *p);

/* True when it sleeps, and nothing of it is left that could change. */
bool wake_is_quiet(const struct pool *p);
