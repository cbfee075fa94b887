/* SPDX-License-Identifier: MIT */
#pragma once
/* Leaving an address. */

#include "conn/allow.h"
#include "master/listen.h"
#include "pool/pool.h"

/* What waits there goes to the pool's park, so that the rest is short; allow: who may connect there. While its workers
 * still accept: before pool_promote() or pool_leave_listeners(). */
void vacate_queues(struct listen_set *s, const struct allow *allow, struct pool *p);

/* Afterwards, when no worker accepts there any more, and the park still takes something: what has come meanwhile goes
 * the same way, and nothing else comes. */
void vacate_shut(const struct listen_set *s, const struct allow *allow, struct pool *p);
