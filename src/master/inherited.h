/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Listen sockets that systemd hands over. One belongs to the pool whose name its FileDescriptorName= is, else to the
 * pool whose `listen` address it is bound to. It is the service manager's: never unlinked, its mode never changed.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "conf/model.h"
#include "master/handed.h"
#include "master/listenset.h"
#include "master/stored.h"

struct inherited_socket {
        int fd;
        char *name; /* FileDescriptorName= */
        char *address;
        char *label; /* both, for people */
        bool claimed;
        bool deaf;  /* its pool is left to a unit of its own, and an earlier start has shut it */
        bool spare; /* no pool is its own (spare.h) */
};

struct inherited {
        struct inherited_socket *items;
        size_t n;
        struct handed handed; /* php-fpm's; not in n */
        struct stored stored; /* what this service had put into the fd store; not in n */
};

/* Takes what systemd has passed (sd_listen_fds_with_names(3)), checks that each is a listening stream socket, and makes
 * it ready (sockets_prepare()); what comes out of the fd store is found by its name (stored.h). LISTEN_* leave the
 * environment. One that is deaf is no problem. 0; LISTEN_E_PROBLEM, told in problems; -errno. */
int inherited_take(struct inherited *ret, const struct conf *conf, struct text *problems);
void inherited_done(struct inherited *all);

/* Gives the set, which has room, the sockets whose name is the pool's; only when there are none, those bound to its
 * address. How many the set has. */
size_t inherited_claim(struct inherited *all, const struct conf_pool *pool, struct listen_set *s);

/* Closes those whose pool is left to a unit of its own. */
void inherited_close_left(struct inherited *all, const struct conf *conf);

/* After every pool has its set: an unclaimed descriptor is an error that lists both sides. 0 or LISTEN_E_PROBLEM. */
int inherited_check_claimed(const struct inherited *all, const struct conf *conf, struct text *problems);

/* Appends "the service manager passed: ...". */
void inherited_list(const struct inherited *all, struct text *out);
