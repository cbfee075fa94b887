/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A log-linear histogram of durations: exact below LOAD_HISTOGRAM_STEPS ns, and above to one part in that many, over
 * the whole range of 64 bits. Adding costs a few instructions and never fails; two histograms need no common
 * configuration.
 */

#include <stdint.h>

#define LOAD_HISTOGRAM_STEPS   64U
#define LOAD_HISTOGRAM_BUCKETS (59U * LOAD_HISTOGRAM_STEPS)

/* Zero-initialised it is empty. */
struct load_histogram {
        uint64_t n;
        uint64_t sum;
        uint64_t max;
        uint64_t buckets[LOAD_HISTOGRAM_BUCKETS];
};

/* Which bucket a value is counted in, and the smallest value of a bucket. */
uint32_t load_histogram_bucket(uint64_t ns) __attribute__((__const__));
uint64_t load_histogram_lower(uint32_t bucket) __attribute__((__const__));

void load_histogram_add(struct load_histogram *h, uint64_t ns);

/* The value that so many of 100,000 do not exceed: 99,900 is the 99.9th percentile. The upper end of its bucket, so it
 * is never told too small, but never above the greatest. 0 for an empty histogram. */
uint64_t load_histogram_quantile(const struct load_histogram *h, uint32_t per_100k);

/* 0 for an empty histogram. */
uint64_t load_histogram_mean(const struct load_histogram *h);
