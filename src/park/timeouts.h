/* SPDX-License-Identifier: MIT */
#pragma once
/* How long the park waits for a client, state by state. */

#include "park/park.h"

/* When the time of a connection in its state is over. No clock, no call: of what it is given alone. */
usec_t timeouts_due(const struct park *park, const struct connection *c);

/* Closes what is overdue, and lets replies go that have waited long enough. When the next one is due. */
usec_t timeouts_enforce(struct park *park);
