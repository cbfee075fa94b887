/* SPDX-License-Identifier: MIT */
#pragma once
/* What is lost with a park that dies: the pool's own word, as it was last said (scoreboard/layout.h). */

#include "pool/picture.h"
#include "untrusted/board.h"

/* Of the park that takes connections, which is about to die, or has; counted in the park's numbers. */
struct untrusted_board_parked parklost_count(const struct pool *p);

/* Logs and counts the death of a park that nobody has told to end; how: in words. */
void parklost_tell(const struct park_process *k, const char *how);
