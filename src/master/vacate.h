/* SPDX-License-Identifier: MIT */
#pragma once
/* Leaving an address. */

#include "master/listen.h"
#include "pool/pool.h"

/* What waits there goes to the pool's park. While its workers still accept: before pool_promote() or pool_stop(). */
void vacate_queues(struct listen_set *s, struct pool *p);

/* Afterwards, when no worker accepts there any more. */
void vacate_shut(const struct listen_set *s);
