/* SPDX-License-Identifier: MIT */
#pragma once
/* The slow log, and the error log's lines about requests that take too long. */

#include "log/log.h"
#include "pool/picture.h"
#include "scoreboard/layout.h"

/* Opens the slow log of these settings, if there is one. A failure is logged. 0 and *ret (-1: there is none), or
 * -errno.
 */
int slowlog_try(const struct conf_pool *conf, int *ret);

/* Opens a generation's slow log as its settings say; the old one, if there is one, stays when that fails, which is
 * logged. 0 or -errno. */
int slowlog_open(struct generation *g);

/* Opens the slow logs anew; workers have no part in it. */
void slowlog_reopen(struct pool *p);

/* An entry of the slow log. trace: lines. */
void slowlog_write(const struct pool_worker *w, const struct scoreboard_slot *s, const char *trace);

/* A line of the error log about a worker's request. */
void slowlog_say(const struct pool_worker *w, const struct scoreboard_slot *s, enum log_event event,
                 const char *message);

/* That it is slow, or (LOG_EVENT_REQUEST_TIMEOUT) that its time is over. */
void slowlog_say_limit(const struct pool_worker *w, const struct scoreboard_slot *s, enum log_event event,
                       usec_t taken);

/* That the kernel has killed it for want of memory, in the middle of that request or between two. */
void slowlog_say_oom(const struct pool_worker *w, const struct scoreboard_slot *s);

/* What the worker that has died had in hand; nothing, if nothing. */
void slowlog_say_died(const struct pool_worker *w, const struct scoreboard_slot *s);

/* A line for each of the trace. */
void slowlog_say_trace(const struct pool_worker *w, const struct scoreboard_slot *s, const char *trace);
