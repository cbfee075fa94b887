/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The master's look at the listeners of pools that sleep. Nobody else watches these, so it is told of each connection,
 * and takes none. One epoll serves all pools: a pool that sleeps has no descriptor for it, and no event.
 */

#include "pool/picture.h"

struct lookout {
        int fd;
        sd_event_source *source;
        bool tells; /* of an event, right now */
};

/* 0 or -errno. */
int lookout_init(struct lookout *l, sd_event *event);
void lookout_done(struct lookout *l);

/* Watches where connections for the pool arrive, for its generation that sleeps; what waits already is an event.
 * Whatever was watched for the pool before is not any more. 0 or -errno: nothing is watched. */
int lookout_begin(struct lookout *l, struct pool *p, struct generation *g);

/* Whether there are events that have not been told of. */
bool lookout_has_more(const struct lookout *l);

/* Before the listeners may be closed. Ending what has not begun does nothing. */
void lookout_end(struct lookout *l, struct pool *p);
