/* SPDX-License-Identifier: MIT */
#pragma once
/* Zygotes and workers that have ended. */

#include <systemd/sd-event.h>

#include "pool/picture.h"

/* Of the zygote's pidfd; userdata is the generation. */
int exits_on_zygote(sd_event_source *s, int fd, uint32_t revents, void *userdata);

/* Watches for a worker's end, whoever its parent is. 0 or -errno. */
int exits_watch_worker(struct pool_worker *w);
