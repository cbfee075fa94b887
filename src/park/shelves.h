/* SPDX-License-Identifier: MIT */
#pragma once
/* The shelves of the pool's workers, as far as the park has to do with them: conn/claims.h. */

#include "park/park.h"

/* A worker has one from now on. Takes over the channel. */
void shelves_add(struct park *park, int channel);

/* A channel has something, or has ended: then its worker has, and what it was not serving is the park's. */
void shelves_on_event(struct park *park, struct connection *c);

/* Looks at the shelves of workers that are busy, when it is time. When that is again. */
usec_t shelves_enforce(struct park *park);

/* The park takes what is on the shelves, and has no shelf any more. */
void shelves_leave(struct park *park);
