/* SPDX-License-Identifier: MIT */
#pragma once
/* A reply that goes out, what may have to come first, and what becomes of the connection then. */

#include "park/park.h"

/* A reply does not wait for the end of a body beyond so many bytes. */
#define WRITING_DRAIN_MAX (1024ULL * 1024 * 1024)

/* The connection has been handed over with a reply, note->n_out bytes at out, or with nothing left of it to send. */
void writing_begin(struct park *park, struct connection *c, const struct handover *note, const uint8_t *out);
/* DRAINING is over: the reply goes. */
void writing_release(struct park *park, struct connection *c);

/* There is room for more of the reply, or something to receive. */
void writing_on_event(struct park *park, struct connection *c);
/* More of the body has come. */
void writing_on_body(struct park *park, struct connection *c);
/* There is something to be thrown away. */
void writing_on_rest(struct park *park, struct connection *c);
