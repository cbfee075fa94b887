/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The master's look at the listeners of a generation that grows by need (pm = dynamic, ondemand): it takes no
 * connection, it only learns that some wait. An entry with EPOLLEXCLUSIVE | EPOLLET, added after those of all workers,
 * is silent while a worker waits for connections, and gives one event for each connection once none does. It is in an
 * epoll of its own, since sd-event refuses the flag.
 */

#include <stdbool.h>

#include "pool/picture.h"

/* Begins to watch, or puts the entry behind those of workers that have registered since. Connections that wait already
 * are an event. 0 or -errno. */
int backlog_watch(struct generation *g);

/* Before the listeners may be closed. Ending what has not begun does nothing. */
void backlog_end(struct generation *g);

/* Connections that wait now. UINT_MAX: some do, and the kernel does not tell how many. */
unsigned backlog_count(const struct generation *g);
