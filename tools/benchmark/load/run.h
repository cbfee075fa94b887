/* SPDX-License-Identifier: MIT */
#pragma once
/* A run from its first request to its last reply, and what came of it. */

#include "histogram.h"
#include "options.h"
#include "outcome.h"
#include "retry.h"

struct load_result {
        struct load_histogram
                times; /* ns, of requests that got their reply, and of those that had none when the run ended */
        uint64_t outcomes[N_LOAD_OUTCOMES];
        uint64_t n_sent;
        uint64_t n_unsent; /* open loop: due, but no connection was free until the end */
        uint64_t n_opened;
        struct load_retries retries;
        uint64_t elapsed;     /* ns */
        uint64_t cpu;         /* ns, of this process */
        uint64_t stood_still; /* ns in which this process did not run, though it had to: no time-out counts them */
        double jain;
        uint64_t replies_min, replies_max; /* of a connection */
        char first_failure[256];           /* printable, without quotes and backslashes */
};

/* 0 or -errno. */
int load_run(const struct load_options *options, struct load_result *ret);

static inline uint64_t load_run_failures(const struct load_result *r) {
        uint64_t n = r->n_unsent;

        for (unsigned i = 0; i < N_LOAD_OUTCOMES; i++)
                n += i == LOAD_OUTCOME_OK || i == LOAD_OUTCOME_ABORTED ? 0 : r->outcomes[i];
        return n;
}
