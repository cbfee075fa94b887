/* SPDX-License-Identifier: MIT */
#pragma once
/* The pool's listeners, where the park keeps the queue: it takes what workers leave there. */

#include "park/park.h"

/* n listeners, from descriptor first on. 0 or -errno. */
int entrance_open(struct park *park, int first, size_t n);

/* No more come in by it. */
void entrance_close(struct park *park);

/* Whether an epoll event is about it, and what that means. */
bool entrance_is(const struct park *park, const void *what);
void entrance_on_event(struct park *park);

/* Takes what is due. When that is next. */
usec_t entrance_enforce(struct park *park);
