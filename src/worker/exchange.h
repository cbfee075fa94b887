/* SPDX-License-Identifier: MIT */
#pragma once
/* A request and its reply on a worker's connection. PHP's side, struct sapi_io, is implemented here. */

#include "sapi/sapi.h"
#include "worker/transport.h"

extern const struct sapi_io exchange_io;

/* Reads up to the end of a request's head. 0: transport->decoder has it; EXCHANGE_E_CLOSED: the peer closed before it
 * sent a whole head, or broke the protocol (logged), or asked for something that was answered: close the connection;
 * EXCHANGE_E_ABORTED: the peer took it back before its head was complete: end it as any other; -errno (ENOMEM). */
enum { EXCHANGE_E_CLOSED = 1, EXCHANGE_E_ABORTED = 2 };
int exchange_read_head(struct transport *t);

/* Ends the request: whatever was not sent is, END_REQUEST included, when that has not happened yet. True when the
 * connection is kept, and still here: the next request may be read from it. */
bool exchange_end_request(struct transport *t, uint32_t app_status);

/* Closes the connection, if there is one, in such a way that its client has what was sent to it. */
void exchange_close(struct transport *t);
