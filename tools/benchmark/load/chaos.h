/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What bad clients and bad networks do, drawn by lot: each request's number and the seed decide alone how it is sent,
 * read and given up, so a run can be repeated.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#define LOAD_CHAOS_BODY_MAX   (256U * 1024U)
#define LOAD_CHAOS_FILLER_MAX (384U * 1024U)

enum load_abort {
        LOAD_ABORT_NONE,
        LOAD_ABORT_RECORD,        /* an ABORT_REQUEST record in place of what is left of the request */
        LOAD_ABORT_CLOSE,         /* the connection is closed in the middle of the request */
        LOAD_ABORT_CLOSE_READING, /* ... or of the reply */
};

/* How one request is sent and read. Zero-initialised it is sent at once and read as it comes. */
struct load_plan {
        bool keep;
        size_t n_body;
        size_t n_filler; /* bytes of the reply behind the echo of the body */
        enum load_abort abort;
        uint32_t abort_per_mille; /* of the request's bytes, or of the reply's */
        size_t piece_max;         /* bytes of a write, at most; 0: as many as go */
        uint64_t pause_max;       /* ns between two writes, at most */
        size_t read_max;          /* bytes of a read; 0: as many as there are */
        uint64_t read_pause;      /* ns between two reads */
        uint64_t random;          /* draws the pieces and pauses while it goes on */
};

/* The next of a sequence of random numbers. */
uint64_t load_chaos_random(uint64_t *state);

void load_chaos_plan(uint64_t seed, uint64_t number, struct load_plan *ret);

/* The greatest record boundary within the first `at` bytes of an encoded request. */
size_t load_chaos_boundary(const uint8_t *request, size_t n, size_t at);

/* How much of the body is in these whole records. */
size_t load_chaos_body(const uint8_t *records, size_t n);
