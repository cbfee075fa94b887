/* SPDX-License-Identifier: MIT */
#pragma once
/* What a park tells the master. */

/* The next message. 0: it leaves, and takes no more connections; UNTRUSTED_PARK_E_EMPTY: none waits;
 * UNTRUSTED_PARK_E_GONE: the other side is closed; -EBADMSG: it makes no sense; other -errno: it is lost. */
enum { UNTRUSTED_PARK_E_EMPTY = 1, UNTRUSTED_PARK_E_GONE = 2 };
int untrusted_park_hear(int fd);
