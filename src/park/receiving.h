/* SPDX-License-Identifier: MIT */
#pragma once
/* A request that comes, up to the offer of it. */

#include "park/park.h"

/* How many of n bytes that have just come are of no use, and have gone with that. */
size_t receiving_skip(struct connection *c, size_t n);

/* Keeps n bytes of a request behind those that are there. False: c had to be closed. */
bool receiving_store(struct park *park, struct connection *c, const uint8_t *data, size_t n);

/* Bytes have come, n of them that are not stored yet: the request is offered to the workers, or waits for the rest. */
void receiving_look(struct park *park, struct connection *c, const uint8_t *data, size_t n);

/* The same while a reply goes out: all that can be done now is to get rid of what means nothing. False: c had to be
 * closed. */
bool receiving_look_ahead(struct park *park, struct connection *c, const uint8_t *data, size_t n);

/* There is something to receive. */
void receiving_on_event(struct park *park, struct connection *c);
