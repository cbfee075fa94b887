/* SPDX-License-Identifier: MIT */
#pragma once
/* Wake-ups that are another pool's. */

#include "pool/picture.h"

/* From now on its listeners may be other pools'. Before pool_promote(), or (ends) pool_stop(). */
void relay_begin(struct pool *p, bool ends);

/* Rings the doorbell, which workers may have made to block: between nowait_begin() and nowait_end(). */
void relay_ring(struct pool *p);

/* A worker of the generation has ended. */
void relay_on_exit(const struct generation *g);
