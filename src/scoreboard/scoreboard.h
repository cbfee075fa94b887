/* SPDX-License-Identifier: MIT */
#pragma once
/* Making and mapping a scoreboard's memfd. */

#include "scoreboard/layout.h"

/* A new sealed memfd for the pool, header filled in: identity, pool (cut to fit), start times. The descriptor
 * (close-on-exec, the caller's) or -errno. */
int scoreboard_create(const char *pool);

/* Maps a scoreboard for writing: the master, zygotes and workers. 0; -EBADMSG (not a scoreboard of this version, or not
 * sealed: a file that can shrink would end its readers with SIGBUS); other -errno. */
int scoreboard_map(int fd, struct scoreboard **ret);

/* The same, read-only, for fpmctl. */
int scoreboard_map_readonly(int fd, const struct scoreboard **ret);

void scoreboard_unmap(const struct scoreboard *s);
