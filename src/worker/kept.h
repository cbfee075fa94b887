/* SPDX-License-Identifier: MIT */
#pragma once
/* A worker's connection between two requests: has the next one come, and handing the connection to the park when it has
 * not. */

#include <stdbool.h>

#include "base/time.h"
#include "conn/accept.h"
#include "conn/handover.h"
#include "worker/shelf.h"
#include "worker/transport.h"

struct kept {
        struct acceptor *acceptor;         /* may watch the connection */
        struct shelf *shelf;               /* may have it, too */
        int intake;                        /* the park's, or -1: there is none */
        const volatile uint32_t *stopping; /* in shared memory: the pool ends, and the park with it */
        usec_t complained;
};

/* The connection is between two requests, the last one ended. What waits in its buffer is not decoded yet. */
void kept_begin(struct transport *t);

/* Looks at what waits in the buffer, and answers what is no request. 0: nothing to serve yet; KEPT_E_READY: a
 * request, whole or as much of it as fits; KEPT_E_CLOSE: close the connection. */
enum { KEPT_E_READY = 1, KEPT_E_CLOSE };
int kept_look(struct transport *t);

/* Gives the connection, with what waits in both its buffers, to the park; flags: HANDOVER_KEEP and so on. 0: it is gone
 * from here; KEPT_E_REFUSED: all is as it was. */
enum { KEPT_E_REFUSED = 1 };
int kept_hand_over(struct transport *t, uint32_t flags);
