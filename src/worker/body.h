/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A request's body on its way in. PHP reads it from the connection when it wants it. What would be lost or stand in the
 * way until then is kept for it: what comes while the client does not take the reply (it may read only when it has sent
 * all), and what is left of it when the reply ends before the script does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "worker/transport.h"

/* A request begins, or is over. */
void body_reset(struct transport *t);

/* For struct sapi_io. */
ssize_t body_read(void *ctx, void *buf, size_t n);
int body_keep(void *ctx, uint64_t n);

/* The body has not ended, as far as is known. */
bool body_is_open(const struct transport *t);

/* The client may be sending body yet, which it would be well to receive. */
bool body_may_come(const struct transport *t);

/* Receives what is there of it, without waiting, while a part of the reply is on its way. It is kept as far as PHP may
 * want it, and behind the reply's end thrown away. */
void body_take_meanwhile(struct transport *t);

/* Nobody reads it any more: takes what can be taken without waiting, often its end alone, which nobody has decoded yet.
 */
void body_drop(struct transport *t);
