/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Listen sockets: those that systemd hands over (inherited.h), and those that fpmd binds itself. A set belongs to one
 * pool and stays open as long as the pool lives.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "conf/model.h"
#include "master/unixsocket.h"

struct listen_set {
        char *pool;
        char *listen; /* the directive it was opened for */
        int *fds;     /* never moves: generations borrow it, with the number it had at their start */
        size_t n;
        size_t n_room;     /* of fds */
        unsigned n_active; /* of a TCP set of our own: see shards.h */
        bool inherited;
        bool unit_asked; /* of an inherited set: unit_defer is what its unit's DeferAcceptSec= makes, 0 without */
        int unit_defer;
        struct unixsocket file;  /* a unix socket this process made, to be removed at the end */
        struct listen_set *from; /* until a reload is done: whose path and sockets these are; else NULL */
};

struct inherited;

enum { LISTEN_E_PROBLEM = 1 }; /* told in problems */

/* Tells, for each of its sockets, that it was not opened now. */
void listen_log_inherited(const struct listen_set *s);

/* The set of one pool: claimed from the inherited ones when there are any, else bound. 0; LISTEN_E_PROBLEM; -errno. */
int listen_open(struct inherited *inherited, const struct conf_pool *pool, struct listen_set **ret,
                struct text *problems);

/* The same for its pm.status_listen, which is set. One that is inherited has the name POOL-status, or is bound to the
 * address. */
int listen_open_status(struct inherited *inherited, const struct conf_pool *pool, struct listen_set **ret,
                       struct text *problems);

/* Takes a path of our own away, under which another socket may be found from now on. */
void listen_unlink(struct listen_set *s);

/* Closes, and unlinks a path of our own. */
void listen_set_free(struct listen_set *s);
DEFINE_CLEANUP(struct listen_set *, listen_set_free)

/* What every listener is: close-on-exec, non-blocking, and (TCP) without delay for small writes, which its connections
 * inherit. 0 or -errno. */
int listen_prepare(int fd);

/* A reload in which a pool goes to the address of another that leaves it: the same sockets once more, so that what
 * waits in them is not lost. from lives until the new set is freed, or committed: then the path is the new set's. 0 or
 * -errno. */
int listen_share(struct listen_set *from, const struct conf_pool *pool, struct listen_set **ret);
void listen_commit_shared(struct listen_set *s);

/* A reload with the same address: sockets are added when listen.shards says so, and get connections from
 * listen_commit_shards() on, when workers watch them; without it they change nothing. Only TCP sets of our own have
 * anything to do. 0; LISTEN_E_PROBLEM; -errno. */
int listen_add_shards(struct listen_set *s, const struct conf_pool *pool, struct text *problems);
void listen_commit_shards(struct listen_set *s, const struct conf_pool *pool);

/* listen.backlog of a reload, for sockets that stay open (listen(2) may be called again); those of the service manager
 * keep its Backlog=. */
void listen_commit_backlog(struct listen_set *s, const struct conf_pool *pool);

/* Addresses for people; fresh strings, NULL-terminated, freed by listen_free_names(). NULL when out of memory. */
char **listen_names(const struct listen_set *s);
void listen_free_names(char **names);
