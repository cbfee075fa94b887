/* SPDX-License-Identifier: MIT */
#pragma once
/* listen.allowed_clients: which peers may connect. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/macros.h"

struct allow {
        struct in6_addr *items; /* v4 addresses in their mapped form */
        size_t n;
        bool restricts; /* false: everybody may, since there is no list, or "any" is in it */
};

/* A list as the directive has it: addresses of either version with commas or blanks between, or "any". NULL restricts
 * nothing, and "" admits nobody, as with php-fpm. What is no address admits nobody; wrong (may be NULL) is told of
 * each, an empty one, too. 0 or -ENOMEM. */
int allow_parse(const char *list, struct allow *ret, void (*wrong)(const char *word));

void allow_done(struct allow *a);
#define _cleanup_allow_ _cleanup_(allow_done)

/* True when the peer may stay. Peers of unix sockets always may; a v4 peer is the same in its mapped form, either side.
 */
bool allow_permits(const struct allow *a, const struct addr *peer);

/* The same of a connection, whose peer's address denied (with pool as it is given here) is told of when it may not. One
 * that is gone already may not, either. */
bool allow_admits(const struct allow *a, int fd, void (*denied)(const char *pool, const char *host), const char *pool);
