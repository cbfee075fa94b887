/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * --exit-idle-time: a service whose sockets are the service manager's ends when nobody has needed it for so long, and
 * the next connection starts it. What comes while it ends waits in the socket's queue.
 */

#include "base/text.h"
#include "master/state.h"

/* What a pool has done so far, and whether it has anything in hand. */
struct idle_counts {
        uint64_t done; /* connections taken, requests begun, connections through the park: another number each time */
        bool busy;     /* requests in hand, connections in the park or at a socket, a start or a reload */
};

/* Whether the pool has done nothing and held nothing for the limit. Pure: memory is of its last look. */
bool idle_is_over(struct idle_memory *memory, usec_t limit, const struct idle_counts *counts, usec_t now);

/* Looks at each pool. Whether all of them are over. */
bool idle_look(struct master *m, usec_t now);

/* Begins to look, where the option asks for it. 0; LISTEN_E_PROBLEM, told in problems: a pool has made its socket
 * itself, and nobody would start the service again; -errno. */
int idle_attach(struct master *m, struct text *problems);
