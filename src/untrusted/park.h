/* SPDX-License-Identifier: MIT */
#pragma once
/* What a park tells the master. */

#include "base/addr.h"

/* The next message. 0: it leaves, and takes no more connections; UNTRUSTED_PARK_E_EMPTY: none waits;
 * UNTRUSTED_PARK_E_GONE: the other side is closed; UNTRUSTED_PARK_E_IDLE: it gives an idle connection, or whatever
 * *ret_fd is, which is the caller's, for nowait_close(); -EBADMSG: it makes no sense; other -errno: it is lost. */
enum { UNTRUSTED_PARK_E_EMPTY = 1, UNTRUSTED_PARK_E_GONE = 2, UNTRUSTED_PARK_E_IDLE = 3 };
int untrusted_park_hear(int fd, int *ret_fd);

/* Whether a descriptor is a connection that a unix stream socket has accepted, and which one: its address. Nothing is
 * asked of what is no socket. 0; -EBADMSG: it is none; other -errno. */
int untrusted_park_connection(int fd, struct addr *ret);
