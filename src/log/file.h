/* SPDX-License-Identifier: MIT */
#pragma once
/* Files that logs are appended to. */

#include "base/macros.h"

/* Opens a log file for appending, created 0600. /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N and /proc/self/fd/N
 * are a copy of that descriptor, whatever it is. The descriptor (close-on-exec, the caller's) or -errno; for root
 * -ELOOP where another user's symbolic link is in the way (base/trusted.h). */
int log_file_open(const char *path);

/* The descriptor that such a name means, if it is open and was there at the start of the program. It stays whose it
 * is. -ENOENT: the path is no such name; -EBADF: it is one of nothing that can be written to. */
int log_file_descriptor(const char *path);
