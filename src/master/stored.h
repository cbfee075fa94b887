/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What comes back out of the service manager's fd store (store.h) at a start: it arrives with the sockets of socket
 * units, under names that are fpmd's. Listeners become this program's own again, as if it had bound them.
 */

#include <sys/types.h>

#include "base/addr.h"
#include "conf/model.h"
#include "master/listenset.h"

struct stored_item {
        char *name;
        dev_t dev;
        ino_t ino;
        int fd;              /* -1: taken, or dropped */
        struct addr address; /* of a listener; n = 0: counters, a connection */
};

struct stored {
        struct stored_item *items;
        size_t n;
};

/* Takes one that came. What is none of ours is dropped, with a line, and is no reason not to start: a descriptor
 * without a name, a file that is no counters, a listener that is not a listening stream socket made by this user. name
 * is taken. 0 or -ENOMEM. */
int stored_add(struct stored *s, int fd, char *name);

/* Drops the listeners at addresses that the configuration does not name, with a line for each. Before others are bound:
 * such an address may overlap. */
void stored_drop_unwanted(struct stored *s, const struct conf *conf);

/* Gives the set, which has room, the listeners at an address. How many those are. */
size_t stored_claim(struct stored *s, const struct addr *a, struct listen_set *set);

/* The counters of a pool: the caller's descriptor, or -ENOENT. */
int stored_claim_numbers(struct stored *s, const char *pool);

/* The next of the idle connections of a pool, from *at on, which goes on: the caller's descriptor, or -ENOENT. */
int stored_claim_idle(struct stored *s, const char *name, size_t *at);

/* Drops what nobody has claimed, with a line for each, or one for all connections, and closes it. */
void stored_drop_rest(struct stored *s);

/* Closes a listener for good: whoever has a copy has no use for it, and its file goes. */
void stored_shut(int fd);

void stored_done(struct stored *s);
