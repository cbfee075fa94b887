/* SPDX-License-Identifier: MIT */
#pragma once
/* One reading of all counts and histograms, by pool. */

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/time.h"
#include "trace.h"

struct trace_pool {
        char name[TRACE_POOL_MAX]; /* always terminated; bytes are the worker's, so not to be trusted on a terminal */
        uint64_t counts[TRACE_STAGES][TRACE_STAGES]; /* [from][to] */
        struct trace_hist *hists[TRACE_STAGES];      /* NULL: nothing measured; [0]: whole requests */
};

struct trace_snapshot {
        usec_t elapsed; /* since the probes were attached */
        struct trace_lost lost;
        size_t n_pools;
        struct trace_pool *pools; /* by name */
};

struct trace_snapshot *trace_snapshot_new(void);
struct trace_snapshot *trace_snapshot_free(struct trace_snapshot *s);
DEFINE_CLEANUP(struct trace_snapshot *, trace_snapshot_free)
#define _cleanup_snapshot_ _cleanup_(trace_snapshot_freep)

/* Adds a map's entry. Stages out of range count as lost. 0 or -ENOMEM. */
int trace_snapshot_add_count(struct trace_snapshot *s, const struct trace_count_key *key, uint64_t n);
int trace_snapshot_add_hist(struct trace_snapshot *s, const struct trace_hist_key *key, const struct trace_hist *h);

/* To be called when everything is added, before the two below. */
void trace_snapshot_sort(struct trace_snapshot *s);

/* The pool of that name, or NULL. */
const struct trace_pool *trace_snapshot_find(const struct trace_snapshot *s, const char *name);

uint64_t trace_snapshot_transitions(const struct trace_snapshot *s);

/* How often the pool's workers came into a stage. */
uint64_t trace_snapshot_pool_entered(const struct trace_pool *p, uint32_t stage);
