/* SPDX-License-Identifier: MIT */
/*
 * The first octave of buckets is linear: a bucket a nanosecond. From there on each power of two is cut into as many
 * equal buckets, so the bucket's number is the exponent and the bits that follow the leading one.
 */

#include "histogram.h"

#include "base/macros.h"

#define STEP_BITS 6U

uint32_t load_histogram_bucket(uint64_t ns) {
        uint32_t shift;

        if (ns < LOAD_HISTOGRAM_STEPS)
                return (uint32_t)ns;
        shift = 63U - (uint32_t)__builtin_clzll(ns) - STEP_BITS;
        return shift * LOAD_HISTOGRAM_STEPS + (uint32_t)(ns >> shift);
}

uint64_t load_histogram_lower(uint32_t bucket) {
        uint32_t octave = bucket / LOAD_HISTOGRAM_STEPS, step = bucket % LOAD_HISTOGRAM_STEPS;

        if (octave == 0)
                return step;
        return (uint64_t)(LOAD_HISTOGRAM_STEPS + step) << (octave - 1);
}

void load_histogram_add(struct load_histogram *h, uint64_t ns) {
        h->n++;
        h->sum += ns;
        h->max = MAX(h->max, ns);
        h->buckets[load_histogram_bucket(ns)]++;
}

uint64_t load_histogram_quantile(const struct load_histogram *h, uint32_t per_100k) {
        uint64_t rank, below = 0;
        uint32_t i = 0;

        if (h->n == 0)
                return 0;
        rank = (uint64_t)(((__uint128_t)h->n * per_100k + 99999) / 100000);
        rank = MAX(rank, (uint64_t)1);
        rank = MIN(rank, h->n);
        while (below + h->buckets[i] < rank)
                below += h->buckets[i++];
        if (i == LOAD_HISTOGRAM_BUCKETS - 1)
                return h->max;
        return MIN(load_histogram_lower(i + 1) - 1, h->max);
}

uint64_t load_histogram_mean(const struct load_histogram *h) {
        return h->n > 0 ? h->sum / h->n : 0;
}
