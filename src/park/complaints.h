/* SPDX-License-Identifier: MIT */
#pragma once
/* What the park closes for a limit's sake: each is counted, and logged once in a while, however often it happens. */

#include "base/macros.h"
#include "park/park.h"

/* False: it was logged not long ago, and is counted for the next time. True: it is to be logged, with that count. */
bool complaints_may_log(struct park *park, enum complaint what, unsigned long long *ret_n_silenced);

/* Counts a connection that is refused or closed, and warns of it. */
_printf_(4, 5) void complaints_add(struct park *park, enum complaint what, int fd, const char *why, ...);
