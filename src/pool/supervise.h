/* SPDX-License-Identifier: MIT */
#pragma once
/* Between the files of this folder: the callback of a generation's messages (userdata is the generation), and what is shared. */

#include <systemd/sd-event.h>

#include "pool/pool.h"

int messages_on_readable(sd_event_source *s, int fd, uint32_t revents, void *userdata);

/* A worker has left its slot, whatever its state was. */
void supervise_release(struct pool *p, uint32_t slot);

/* A worker for a generation that has none that stays. */
void supervise_provide(struct generation *g);

/* The picture has changed: supervise, and tell the master. */
void supervise_changed(struct pool *p);
