/* SPDX-License-Identifier: MIT */
#pragma once
/* A zygote that has ended, or whose workers crash, gets a successor. */

#include <systemd/sd-event.h>

#include "pool/pool.h"

/* Of the zygote's pidfd; userdata is the generation. */
int replace_on_zygote_exit(sd_event_source *s, int fd, uint32_t revents, void *userdata);

/* emergency_restart_threshold: one more crash of a worker. What crashes often may do so for what the pool's processes
 * share (opcache's memory), and that ends with them. */
void replace_count_crash(const struct generation *g, usec_t now);

/* Watches for a worker's end, whoever its parent is. 0 or -errno. */
int replace_watch_worker(struct pool_worker *w);

/* A start has failed: the next try is to be later than this one was. reason is copied; NULL: memory ran out. */
void replace_note_failure(struct pool *p, const char *reason, usec_t now);

/* Starts a successor when one is due, and puts it in charge when it accepts. When to be asked again. */
usec_t replace_zygote(struct pool *p, usec_t now);
