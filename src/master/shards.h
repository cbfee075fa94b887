/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The accept queues of a TCP pool whose sockets are the master's own: one SO_REUSEPORT group, of which every worker
 * watches every member. A group can grow and shrink under load: the first n_active members get new connections, and how
 * many those are changes in one step, for the kernel as a whole.
 */

#include "base/addr.h"
#include "master/listenset.h"

/* Opens sockets until the set has n. The first one makes sure that nobody else has the address. Those added to a set
 * that has some get no connection before shards_use(). 0 or -errno; sockets that were opened stay. */
int shards_open(struct listen_set *s, const struct addr *a, int backlog, unsigned n);

/* Sockets that an earlier process has made, all there are of their group, become the set's: it has as many as are
 * wanted afterwards, if it can grow, and so many get connections. 0; SHARDS_E_ALONE: there is one, which was bound for
 * itself alone, and more are wanted; -errno. */
enum { SHARDS_E_ALONE = 1 };
int shards_return(struct listen_set *s, const struct addr *a, int backlog, unsigned n);

/* Whether sockets can be added to the set: one that was bound for itself alone stays alone. */
bool shards_can_grow(const struct listen_set *s);

/* From now on the first n sockets of the set, or all when it has less, get the new connections; others keep what waits
 * in them. 0 or -errno. */
int shards_use(struct listen_set *s, unsigned n);
