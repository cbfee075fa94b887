/* SPDX-License-Identifier: MIT */
#pragma once
/* The properties that every listener has, whichever process has bound it. */

#include "base/addr.h"

/* Whether a descriptor from outside is a stream socket that listens, and where. 0; -EINVAL: it is something else; other
 * -errno: it is no socket. */
int sockets_check(int fd, struct addr *ret);

/* Makes it close-on-exec, non-blocking, and (TCP) without delay for small writes, which its connections inherit. 0 or
 * -errno. */
int sockets_prepare(int fd);

/* No new client gets a connection at a TCP listener; one whose handshake is under way does. Nothing for other sockets.
 * 0 or -errno. */
int sockets_refuse(int fd);
