/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sockets that php-fpm's way of starting anew hands down: FPM_SOCKETS and FPM_SOCKETS_1 and so on in the environment,
 * each "ADDRESS=DESCRIPTOR,...". Scripts and containers that keep php-fpm's sockets over a start use it. They
 * become this program's own, as if it had bound them; see inherited.h for the service manager's.
 */

#include "base/addr.h"
#include "base/text.h"

struct handed {
        struct handed_socket *items;
        size_t n;
};

struct handed_socket {
        int fd; /* -1: taken */
        struct addr address;
};

/* Takes them all, each told in the log, and the variables out of the environment. 0; HANDED_E_PROBLEM: one is no
 * listening stream socket, told in problems; -ENOMEM. */
enum { HANDED_E_PROBLEM = 1 };
int handed_take(struct handed *ret, struct text *problems);

/* The descriptor of the socket at that address, now the caller's; -ENOENT. */
int handed_claim(struct handed *h, const struct addr *a);

/* Closes what nobody has claimed, and removes the files of such. */
void handed_done(struct handed *h);
