/* SPDX-License-Identifier: MIT */
#pragma once
/* What holds for every listener, whoever has bound it. */

/* Makes it close-on-exec, non-blocking, and (TCP) without delay for small writes, which its connections inherit. 0 or
 * -errno. */
int sockets_prepare(int fd);
