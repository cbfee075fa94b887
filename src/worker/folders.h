/* SPDX-License-Identifier: MIT */
#pragma once
/* security.landlock: which files PHP, and what it starts, can reach. */

#include "conf/model.h"

/* For good, in this process and all that come of it; nothing where the pool does not ask for it. abi: landlock_abi()'s
 * answer. 0, or -errno with a log entry. A path of the pool's that is not there is a log entry and no more: nothing is
 * allowed for it. */
int folders_restrict(const struct conf_pool *pool, int abi);
