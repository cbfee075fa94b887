/* SPDX-License-Identifier: MIT */
#pragma once
/* Connections that wait at an address which a pool leaves go to the pool's park. */

#include "conn/allow.h"
#include "master/listenset.h"
#include "pool/pool.h"

/* The clients that may connect to an address that the pool has had up to now. */
void drain_allowed(const struct pool *p, struct allow *ret);

/* Takes the connections that wait there, so that the rest is short; allow: the clients that may connect there. While
 * the pool's workers still accept: before pool_promote() or pool_leave_listeners(). */
void drain_begin(struct listen_set *s, const struct allow *allow, struct pool *p);

/* Afterwards, when no worker accepts there any more, and the park still takes something: connections that have come
 * meanwhile go the same way, and the sockets are shut, so that no other one comes. */
void drain_finish(const struct listen_set *s, const struct allow *allow, struct pool *p);

/* Just before the service stops: the same at once, for a socket that ends with the service. One in the fd store is kept
 * for the next start; what waits there now is taken where the pool has nobody who could have done so, since it sleeps,
 * wakes up or does not start. What waits at a socket of the service manager's waits for the next start. */
void drain_for_stop(struct listen_set *s, struct pool *p);
