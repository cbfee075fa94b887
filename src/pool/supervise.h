/* SPDX-License-Identifier: MIT */
#pragma once
/* Between the files of this folder: the callback of a generation's messages (userdata is the generation), and what is
 * shared. */

#include <systemd/sd-event.h>

#include "pool/pool.h"

int messages_on_readable(sd_event_source *s, int fd, uint32_t revents, void *userdata);

/* A worker has left its slot, whatever its state was. */
void supervise_release(struct pool *p, uint32_t slot);

/* A worker for a generation that has none that stays. */
void supervise_provide(struct generation *g);

/* The zygote has told of a worker that it was asked for. */
void supervise_answered(struct generation *g);

/* The first workers of a generation are what there is, since it cannot have more; why: in words, when there is none. */
void supervise_make_do(struct generation *g, const char *why);

/* The picture has changed: supervise, and tell the master. */
void supervise_changed(struct pool *p);
