/* SPDX-License-Identifier: MIT */
#pragma once
/* Wake-ups that are another pool's. */

#include "pool/pool.h"

/* A worker of the generation has ended. */
void relay_on_exit(const struct generation *g);
