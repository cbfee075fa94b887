/* SPDX-License-Identifier: MIT */
#pragma once
/* A pool's counters over a restart of the service. */

#include "pool/pool.h"

/* Has the pool's counters go on from those of a scoreboard of an earlier process, whose descriptor is closed; negative:
 * there is none. One that cannot be read is told in the log; the counters begin at 0 then. */
void numbers_return(struct pool *p, int fd);
