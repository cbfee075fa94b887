/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is known of requests that were sent again, because their server had closed a kept connection under them: enough
 * to find out why it did.
 */

#include <stdint.h>

#include "base/text.h"
#include "chaos.h"

#define LOAD_RETRIES_MAX 20U

struct load_retry {
        uint64_t at; /* ns since the run began */
        uint64_t connection;
        uint64_t n_carried; /* requests that the connection had carried before */
        uint64_t idle;      /* ns between the end of the one before and this one */
        uint64_t waited;    /* ns from when this one began until the end of the connection was seen */
        int error;          /* what reading said; 0: the end of the stream */
        struct load_retry_request {
                uint64_t number;
                size_t n; /* bytes as a whole */
                size_t n_sent;
                struct load_plan plan;
        } before, request;
};

/* The first ones in full, and how many there were. Zero-initialised it is empty. */
struct load_retries {
        uint64_t n;
        struct load_retry first[LOAD_RETRIES_MAX];
};

void load_retry_add(struct load_retries *retries, const struct load_retry *retry);

/* As a JSON array. */
void load_retry_render(const struct load_retries *retries, struct text *out);
