/* SPDX-License-Identifier: MIT */
#pragma once
/* What comes in, as those see it that wait for it: PHP reads a request's body; and the decoder's answers go out between
 * two records of the reply. */

#include <sys/types.h>

#include "worker/transport.h"

/* One event, as transport_next() has it; an answer is sent. TRANSPORT_E_ANSWER: there was no event, but all may be
 * other than it was, since the answer had to wait for room, and body came meanwhile. */
int input_next(struct transport *t, bool dont_wait, struct fcgi_event *ret);

/* For struct sapi_io. */
ssize_t input_read(void *ctx, void *buf, size_t n);
int input_keep(void *ctx, uint64_t n);

/* Nobody reads it any more: takes what can be taken without waiting, often its end alone, which nobody has decoded yet.
 */
void input_drop(struct transport *t);
