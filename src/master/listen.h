/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Listen sockets: those that systemd hands over, and those that fpmd binds itself. A set belongs to one pool and stays open as long as the pool lives.
 *
 * An inherited socket belongs to the pool whose name its FileDescriptorName= is, else to the pool whose `listen` address it is bound to. It
 * is the service manager's: never unlinked, its mode never changed.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "conf/model.h"

struct listen_set {
        char *pool;
        char *listen; /* the directive it was opened for */
        int *fds;
        size_t n;
        bool inherited;
        char *path; /* a unix socket this process made, to be unlinked at the end; else NULL */
};

struct listen_inherited {
        int fd;
        char *name; /* FileDescriptorName= */
        char *address;
        bool claimed;
};

struct listen_all {
        struct listen_inherited *items;
        size_t n;
};

/* Takes what systemd has passed (sd_listen_fds_with_names(3)), checks that each is a listening stream socket, and makes it ready (close-on-exec,
 * non-blocking, TCP_NODELAY, which accepted connections inherit). LISTEN_* leave the environment. 0; LISTEN_E_PROBLEM, told in problems; -errno. */
enum { LISTEN_E_PROBLEM = 1 };
int listen_take_inherited(struct listen_all *ret, struct text *problems);
void listen_all_done(struct listen_all *all);

/* The set of one pool: claimed from the inherited ones when there are any, else bound. 0; LISTEN_E_PROBLEM; -errno. */
int listen_open(struct listen_all *inherited, const struct conf_pool *pool, struct listen_set **ret,
                struct text *problems);

/* The same for its pm.status_listen, which is set. One that is inherited has the name POOL-status, or is bound to the address. */
int listen_open_status(struct listen_all *inherited, const struct conf_pool *pool, struct listen_set **ret,
                       struct text *problems);

/* After every pool has its set: an unclaimed descriptor is an error that lists both sides. 0 or LISTEN_E_PROBLEM. */
int listen_check_claimed(const struct listen_all *inherited, const struct conf *conf, struct text *problems);

/* Closes, and unlinks a path of our own. */
void listen_set_free(struct listen_set *s);
DEFINE_CLEANUP(struct listen_set *, listen_set_free)

/* Addresses for people; fresh strings, NULL-terminated, freed by listen_free_names(). NULL when out of memory. */
char **listen_names(const struct listen_set *s);
void listen_free_names(char **names);
