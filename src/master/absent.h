/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Pools for which the service manager has no socket, where it has passed others theirs. A start leaves them out, with a
 * warning, since the others are to serve. A reload goes on without them; one that adds such a pool is refused (plan.h),
 * as whoever has written its file wants it served, and nobody loses anything by the refusal.
 */

#include "base/text.h"
#include "conf/model.h"

/* Takes the pools out that are() names, and takes a line down about each (conf_add_absent()). 0 or -ENOMEM. */
int absent_leave(struct conf *c, bool (*are)(void *ctx, const struct conf_pool *pool), void *ctx);

/* A reload: those that the running configuration has left out, unless names, a line each, has them. 0 or -ENOMEM. */
int absent_leave_again(struct conf *c, const struct conf *running, const char *names);

void absent_log(const struct conf *c);
