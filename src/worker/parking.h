/* SPDX-License-Identifier: MIT */
#pragma once
/* A worker's connection between two requests: has the next one come, and handing the connection to the park when it has
 * not. */

#include <stdbool.h>

#include "base/time.h"
#include "conn/accept.h"
#include "conn/handover.h"
#include "worker/transport.h"

struct parking {
        struct acceptor *acceptor;         /* may watch the connection */
        int intake;                        /* the park's, or -1: there is none */
        const volatile uint32_t *stopping; /* in shared memory: the pool ends, and the park with it */
        usec_t complained;
};

/* The connection is between two requests, the last one ended. What waits in its buffer is not decoded yet. */
void parking_begin(struct transport *t);

/* Looks at what waits in the buffer, and answers what is no request. 0: nothing to serve yet; PARKING_E_READY: a
 * request, whole or as much of it as fits; PARKING_E_CLOSE: close the connection. */
enum { PARKING_E_READY = 1, PARKING_E_CLOSE };
int parking_look(struct transport *t);

/* Gives the connection, with what waits in both its buffers, to the park; flags: HANDOVER_KEEP and so on. 0: it is gone
 * from here; PARKING_E_REFUSED: all is as it was. */
enum { PARKING_E_REFUSED = 1 };
int parking_hand_over(struct transport *t, uint32_t flags);

/* Takes over a connection that the park has sent, its bytes being in the stream's buffer already. */
void parking_resume(struct transport *t, const struct handover *note, int fd);
