/* SPDX-License-Identifier: MIT */
#pragma once
/* queue.abandoned: requests whose client has gone before their script begins; and the count of those that
 * request.on_disconnect has ended. */

#include <stdbool.h>

#include "conf/model.h"
#include "scoreboard/layout.h"
#include "worker/transport.h"

/* The HTTP status that an access log has for them; nobody is sent it. nginx logs the same. */
#define ABANDONED_STATUS 499U

/* Whether the request in hand, decoded and not begun, is to be dropped. True: it has been counted and its connection is
 * of no more use; the caller ends the request. Costs a system call where the pool drops such requests, else nothing. */
bool abandoned_drops(struct transport *t, const struct conf_pool *pool, struct scoreboard *scoreboard);

/* Counts one that PHP has ended (sapi_result.disconnected). */
void abandoned_ended(const struct transport *t, struct scoreboard *scoreboard);
