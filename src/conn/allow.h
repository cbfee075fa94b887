/* SPDX-License-Identifier: MIT */
#pragma once
/* Which peers may connect: listen.allowed_clients by address, listen.peer_users by user. */

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/macros.h"

struct allow {
        struct in6_addr *items; /* v4 addresses in their mapped form */
        size_t n;
        bool restricts; /* false: everybody may, since there is no list, or "any" is in it */
        uid_t *uids;
        size_t n_uids;
        bool restricts_users;       /* false: any user may */
        _Atomic uint64_t *n_denied; /* the caller's, set after allow_parse(): counts who may not; NULL: nobody does */
};

struct allow_lists {
        const char *clients; /* addresses, see allow_parse() */
        const char *uids;    /* users of peers of unix sockets: numbers with blanks between; NULL: all; others of TCP
                                have none, so no list names them */
};

/* A list as the directive has it: addresses of either version with commas or blanks between, or "any". NULL restricts
 * nothing, and "" admits nobody, as with php-fpm. What is no address admits nobody; wrong (may be NULL) is told of
 * each, an empty one, too. 0 or -ENOMEM. */
int allow_parse(const struct allow_lists *lists, struct allow *ret, void (*wrong)(const char *word));

void allow_done(struct allow *a);
#define _cleanup_allow_ _cleanup_(allow_done)

/* True when the peer may stay. Peers of unix sockets always may; a v4 peer is the same in its mapped form, either side.
 */
bool allow_permits(const struct allow *a, const struct addr *peer);

/* The user may connect, if the list restricts them. */
bool allow_permits_user(const struct allow *a, uid_t uid);

/* Both of a connection, for the log where it may not stay: peer_log_denied(), with pool as it is given here. Costs a
 * system call for each list that restricts. One that is gone already may not stay, either. */
bool allow_admits(const struct allow *a, int fd, const char *pool);
