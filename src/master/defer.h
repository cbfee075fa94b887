/* SPDX-License-Identifier: MIT */
#pragma once
/* listen.defer_accept: TCP connections come with their first bytes. */

#include "base/time.h"
#include "conf/model.h"
#include "master/listenset.h"

/* Connections that come to the set's TCP sockets from now on are kept by the kernel as the pool says. Those of the
 * service manager have their unit's DeferAcceptSec= instead, where that is set and the pool says nothing. A failure is
 * told, and costs speed alone. */
void defer_apply(struct listen_set *s, const struct conf_pool *pool);

/* What the service manager's sockets had when they came: it keeps them, and the next start is to find its unit's value
 * there, not a pool's. */
void defer_restore(const struct listen_set *s);

/* The address is to be given up: no connection is kept from now on. How long it takes until those that are come, or
 * most of them where that is seconds. 0: there are none. */
usec_t defer_end(struct listen_set *s);

/* It is not, after all: as before. */
void defer_resume(struct listen_set *s);
