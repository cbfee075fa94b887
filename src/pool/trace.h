/* SPDX-License-Identifier: MIT */
#pragma once
/* Backtraces of workers whose request takes too long. */

#include "pool/picture.h"
#include "scoreboard/layout.h"
#include "untrusted/zygote.h"

/* Orders to trace that may be unanswered, so that the socket never fills while the zygote answers. */
#define TRACE_ORDERS_MAX 16U

/* Asks where the PHP code of the worker is, for the slow log or as it is to end; s: its slot. When nobody can be asked,
 * that is said in the place of a trace. */
void trace_ask(struct pool_worker *w, const struct scoreboard_slot *s, bool slow, bool condemned);

/* The worker is being traced as it is to end. */
bool trace_is_last(const struct pool_worker *w);

/* The zygote's answer. True: it is about the worker that is in the slot. */
bool trace_on_answer(struct generation *g, const struct untrusted_fact *fact);

/* A worker leaves its slot: the entries about it that are due are written. */
void trace_forget(struct pool_worker *w, const char *why);
