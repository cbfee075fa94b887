/* SPDX-License-Identifier: MIT */
#pragma once
/* Does the service do its work? The watchdog and /live ask. */

#include "master/state.h"

/* Patience with a pool that is stuck, for a service manager that waits for so long (0: none does). */
usec_t alive_patience(usec_t watchdog);

/* Once a second: looks at the health of all pools. */
void alive_tick(struct master *m, usec_t now);
