/* SPDX-License-Identifier: MIT */
#pragma once
/* What is asked, request by request, and what must be answered. */

#include "connection.h"
#include "options.h"

struct load_workload {
        const struct load_options *options;
        uint8_t *request; /* without chaos: the one that all are */
        size_t n_request;
        struct load_expect expect;
        char *expected;  /* the file that replies must equal */
        uint8_t *noise;  /* bodies are pieces of it; or a form */
        size_t n_body;   /* without chaos */
        uint8_t *filler; /* the pattern that a chaos script repeats */
};

void load_workload_done(struct load_workload *w);
#define _cleanup_workload_ _cleanup_(load_workload_done)

/* Fills *w, which is zero-initialised; options must outlive it. 0, -ENOMEM or what reading the file of --expect-file
 * or of --form says. */
int load_workload_init(struct load_workload *w, const struct load_options *options);

/* The request of that number. *own: where its bytes may be kept, freed and replaced by the next call with the same one;
 * NULL to begin with. 0 or -ENOMEM. */
int load_workload_next(const struct load_workload *w, uint64_t number, uint8_t **own, struct load_job *ret);
