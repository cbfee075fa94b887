/* SPDX-License-Identifier: MIT */
#pragma once
/* What comes before the end of a service that is told to stop in good order. */

#include "master/state.h"

/* A signal that means it. The pools are drained first, where --drain-time says so; addresses that nobody keeps for the
 * next start take no new client then, and what is on its way there may come. master_stop() follows by itself. Asked
 * again: nothing. */
void stop_begin(struct master *m);
