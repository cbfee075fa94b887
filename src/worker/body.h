/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A request's body on its way in. PHP reads it from the connection when it wants it (input.h). What would be lost or
 * stand in the way until then is kept for it: what comes while the client does not take the reply (it may read only
 * when it has sent all), and what is left of it when the reply ends before the script does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "worker/transport.h"

/* A request begins, or is over. */
void body_reset(struct transport *t);

/* An event has come: it may be a slice of it. */
void body_receive(struct transport *t, const struct fcgi_event *event);

/* n bytes of the slice are done with. Returns n. */
size_t body_consume(struct transport *t, size_t n);

/* The decoder has seen its end. */
bool body_is_over(const struct transport *t);

/* The body has not ended, as far as is known. */
bool body_is_open(const struct transport *t);

/* The client may be sending body yet, which it would be well to receive. */
bool body_may_come(const struct transport *t);

/* Receives what is there of it, without waiting, while a part of the reply is on its way. It is kept as far as PHP may
 * want it, and behind the reply's end thrown away. */
void body_take_meanwhile(struct transport *t);
