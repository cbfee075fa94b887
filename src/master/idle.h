/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * --exit-idle-time: a service whose sockets are the service manager's ends when nobody has needed it for so long, and
 * the next connection starts it. What comes while it ends waits in the socket's queue.
 */

#include "base/text.h"
#include "master/state.h"

/* What the pools have done so far, and have in hand. */
struct idle_counts {
        uint64_t done; /* connections taken, requests begun, connections through the park: it only grows */
        uint64_t held; /* requests in hand, connections in the park, sockets at which one waits */
        bool busy;     /* something else goes on: a start, a reload */
};

/* Whether nothing has been done and held for the limit. Pure: idle is its memory, from the last look. */
bool idle_is_over(struct master_idle *idle, const struct idle_counts *counts, usec_t now);

/* Begins to look, where the option asks for it. 0; LISTEN_E_PROBLEM, told in problems: a pool has made its socket
 * itself, and nobody would start the service again; -errno. */
int idle_attach(struct master *m, struct text *problems);
