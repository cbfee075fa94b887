/* SPDX-License-Identifier: MIT */
#pragma once
/* What PHP's fpm_get_status() returns: the pool's scoreboard as an array. */

#include "scoreboard/layout.h"

/* Before the first request of a worker; the scoreboard is kept. */
void phpstatus_provide(const struct scoreboard *scoreboard);
