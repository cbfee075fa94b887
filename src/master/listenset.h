/* SPDX-License-Identifier: MIT */
#pragma once
/* A pool's listen sockets. A set belongs to one pool and stays open as long as the pool lives. */

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "conf/model.h"
#include "master/unixsocket.h"

/* The outcomes of what opens sockets, told in problems. ABSENT: systemd has passed sockets, and none for this pool. */
enum { LISTEN_E_PROBLEM = 1, LISTEN_E_ABSENT };

struct listen_set {
        char *pool;
        char *listen; /* the directive it was opened for */
        int *fds;     /* never moves: generations borrow it, with the number it had at their start */
        size_t n;
        size_t n_room;     /* of fds */
        unsigned n_active; /* of a TCP set of our own: see shards.h */
        bool inherited;
        bool stored;     /* the fd store has it (store.c): it outlives this process */
        bool unit_asked; /* of an inherited set: unit_defer is what its unit's DeferAcceptSec= makes, 0 without */
        int unit_defer;
        int defer_before;        /* what a reload under way has turned off; 0: nothing */
        struct unixsocket file;  /* a unix socket this process made, to be removed at the end */
        struct listen_set *from; /* until a reload is done: whose path and sockets these are; else NULL */
};

/* An empty set for the pool and its `listen`, with room for n. NULL: out of memory. */
struct listen_set *listen_set_new(const struct conf_pool *pool, size_t n);

/* Closes, and unlinks a path of our own. */
void listen_set_free(struct listen_set *s);
DEFINE_CLEANUP(struct listen_set *, listen_set_free)

/* Leaves the path where it is, for whoever has these sockets next. */
void listen_set_spare(struct listen_set *s);

/* Takes a path of our own away, under which another socket may be found from now on. */
void listen_set_unlink(struct listen_set *s);

/* A reload in which a pool goes to the address of another that leaves it: the same sockets once more, so that what
 * waits in them is not lost. from lives until the new set is freed, or committed: then the path is the new set's. 0 or
 * -errno. */
int listen_set_share(struct listen_set *from, const struct conf_pool *pool, struct listen_set **ret);
void listen_set_commit(struct listen_set *s);

/* Tells, for each of its sockets, that it was not opened now. */
void listen_set_log(const struct listen_set *s);

/* Addresses for people; fresh strings, NULL-terminated, freed by listen_set_free_names(). NULL when out of memory. */
char **listen_set_names(const struct listen_set *s);
void listen_set_free_names(char **names);
