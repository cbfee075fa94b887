/* SPDX-License-Identifier: MIT */
#pragma once
/* listen.allowed_clients: who may connect. */

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

/* The same, and the log is told what is wrong, in php-fpm's words. */
int allow_parse_and_say(const char *list, struct allow *ret);
void allow_done(struct allow *a);
#define _cleanup_allow_ _cleanup_(allow_done)

/* True when the peer may stay. Peers of unix sockets always may; a v4 peer is the same in its mapped form, either side.
 */
bool allow_permits(const struct allow *a, const struct addr *peer);

/* The same of a connection, with php-fpm's line in the log about one that may not. pool: whose it is, for that line;
 * NULL: the pool of this process. */
bool allow_admits(const struct allow *a, int fd, const char *pool);
