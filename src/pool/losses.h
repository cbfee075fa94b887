/* SPDX-License-Identifier: MIT */
#pragma once
/* Log entries that a pool's processes have lost, told by the master. */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "scoreboard/layout.h"

struct pool;

struct losses {
        uint64_t told[SCOREBOARD_LOGS], seen[SCOREBOARD_LOGS];
        usec_t since; /* wall clock: the first one that has not been told; 0: none */
};

/* Looks, and says what there is to say. last: the pool ends. */
void losses_look(struct pool *p, bool last);
