/* SPDX-License-Identifier: MIT */
#pragma once
/* Zygotes and workers that have ended. */

#include <systemd/sd-event.h>

#include "pool/picture.h"

/* Of the zygote's pidfd; userdata is the generation. */
int exits_on_zygote(sd_event_source *s, int fd, uint32_t revents, void *userdata);

/* The zygote has been killed and does not go (TIMEOUTS_LEAVE_BEHIND): it counts as ended from now on. Its workers go
 * on.
 */
void exits_leave_zygote(struct generation *g);

/* The same for all processes of a generation. A process that is left of them is reaped as a stranger, if it ever ends.
 */
void exits_leave_behind(struct generation *g);

/* Watches for a worker's end, whoever its parent is. 0 or -errno. */
int exits_watch_worker(struct pool_worker *w);
