/* SPDX-License-Identifier: MIT */
#pragma once
/* Reading the log2-linear histograms that the BPF program fills. */

#include <stdint.h>

#include "trace.h"

/* The smallest duration of a bucket, in ns. That of bucket i + 1 is the first one that is not in i. */
uint64_t trace_hist_lower(uint32_t bucket);

/* The duration (ns) that per_mille of the durations do not exceed, to within their bucket's width (an eighth), and
 * never above the greatest seen. 0 for an empty histogram. */
uint64_t trace_hist_quantile(const struct trace_hist *h, unsigned per_mille);

/* What `now` has more than `before`, an earlier reading of the same histogram, or NULL for an empty one. The greatest
 * is that of the whole time. */
void trace_hist_since(const struct trace_hist *now, const struct trace_hist *before, struct trace_hist *ret);
