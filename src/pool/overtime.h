/* SPDX-License-Identifier: MIT */
#pragma once
/* Requests that take too long: the slow log, and their end. */

#include "pool/pool.h"
#include "untrusted/zygote.h"

/* Opens a generation's slow log as its settings say; the old one, if there is one, stays when that fails, which is
 * logged. 0 or -errno. */
int overtime_open_log(struct generation *g);

/* Sees to it that somebody looks in time. The earliest moment that matters is kept: call it whenever there may be a new
 * worker. */
void overtime_arm(struct pool *p);

/* The zygote's answer to TRACE. */
void overtime_on_traced(struct generation *g, const struct untrusted_fact *fact);

/* A worker leaves its slot: what is still to be written about it is. */
void overtime_forget(struct pool *p, struct pool_worker *w, const char *why);
