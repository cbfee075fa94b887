/* SPDX-License-Identifier: MIT */
#pragma once
/* Telling the service manager: sd_notify(3). */

#include "master/state.h"

/* Feeds the watchdog from a timer of the loop, where there is one. 0 or -errno. */
int notify_attach(struct master *m);

/* Of a start or a reload. Nobody is told of one that ends or begins after the next two. */
void notify_ready(struct master *m);
void notify_reloading(struct master *m);
void notify_stopping(struct master *m);

/* It will, after that time. */
void notify_draining(struct master *m, usec_t wait);

/* Once a second: the status line when it is due, and more time while pools drain. */
void notify_tick(struct master *m, usec_t now);

/* The status line, when it has changed. */
void notify_status(struct master *m, usec_t now);

/* The line that follows "ready to handle connections" in php-fpm's log. */
void notify_log_interval(const struct master *m);
