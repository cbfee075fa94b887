/* SPDX-License-Identifier: MIT */
/*
 * Quantiles of log2-linear histograms. Pure. The total is summed from the buckets instead of taken from n: a reading
 * races with workers that have added to one and not yet to the other, and a quantile must not look for an entry that is
 * not there.
 */

#include "hist.h"

#include "base/macros.h"

uint64_t trace_hist_lower(uint32_t bucket) {
        uint32_t octave = bucket / TRACE_HIST_STEPS, step = bucket % TRACE_HIST_STEPS;

        if (octave == 0)
                return step;
        return (uint64_t)(TRACE_HIST_STEPS + step) << (octave - 1);
}

static uint64_t hist_total(const struct trace_hist *h) {
        uint64_t n = 0;

        for (uint32_t i = 0; i < TRACE_HIST_BUCKETS; i++)
                n += h->buckets[i];
        return n;
}

/* Where the rank-th of n entries of a bucket is, as if they were spread evenly over its width. */
static uint64_t hist_within(uint32_t i, uint64_t rank, uint64_t n) {
        uint64_t lower = trace_hist_lower(i), width = trace_hist_lower(i + 1) - lower;

        return lower + (uint64_t)((__uint128_t)width * rank / n);
}

uint64_t trace_hist_quantile(const struct trace_hist *h, unsigned per_mille) {
        uint64_t n = hist_total(h), rank, below = 0;
        uint32_t i = 0;

        if (n == 0)
                return 0;
        rank = MAX((uint64_t)(((__uint128_t)n * per_mille + 999) / 1000), (uint64_t)1);
        rank = MIN(rank, n);
        while (below + h->buckets[i] < rank)
                below += h->buckets[i++];

        if (i == TRACE_HIST_BUCKETS - 1) /* open-ended */
                return h->max;
        return MIN(hist_within(i, rank - below, h->buckets[i]), h->max);
}

void trace_hist_since(const struct trace_hist *now, const struct trace_hist *before, struct trace_hist *ret) {
        *ret = *now;
        if (!before)
                return;
        ret->n -= before->n;
        ret->sum -= before->sum;
        for (uint32_t i = 0; i < TRACE_HIST_BUCKETS; i++)
                ret->buckets[i] -= before->buckets[i];
}
