/* SPDX-License-Identifier: MIT */
#pragma once
/* Readings and events as text. Pure: all append to *t. */

#include <stddef.h>

#include "base/text.h"
#include "snapshot.h"

/* "850 ns", "12.3 us", "1.20 ms", "3.05 s". */
void trace_render_duration(struct text *t, uint64_t ns);

/* The live table: totals so far, rates and latencies of the time since `before`, the reading before it (NULL: the
 * start). */
void trace_render_table(struct text *t, const struct trace_snapshot *now, const struct trace_snapshot *before);

/* The last word: latencies of the whole run, then each transition with its exact count. */
void trace_render_summary(struct text *t, const struct trace_snapshot *s);
void trace_render_json(struct text *t, const struct trace_snapshot *s);

/* One line for an event as it came out of the ring (n bytes), its time counted from start_ns. An event that is no event
 * is left out. */
void trace_render_event(struct text *t, const void *data, size_t n, uint64_t start_ns);
