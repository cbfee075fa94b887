/* SPDX-License-Identifier: MIT */
#pragma once
/* The properties that every listener has, whichever process has bound it. */

/* Makes it close-on-exec, non-blocking, and (TCP) without delay for small writes, which its connections inherit. 0 or
 * -errno. */
int sockets_prepare(int fd);
