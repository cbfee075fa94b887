/* SPDX-License-Identifier: MIT */
#pragma once
/* The way back to the workers. */

#include "park/park.h"

/* Where the pool limits what waits: hears from now on of each offer that is taken. 0 or -errno. */
int offers_open(struct park *park);

/* Offers a connection with its request (in, n) to the workers, whichever is free. 0: it is on its way, or lost, and not
 * here any more; OFFERS_E_WAIT: others are in front of it, or there is no room. */
enum { OFFERS_E_WAIT = 1 };
int offers_add(struct park *park, struct connection *c, const uint8_t *in, size_t n);

/* The socket has room again. */
void offers_go_on(struct park *park);
