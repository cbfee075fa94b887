/* SPDX-License-Identifier: MIT */
#pragma once
/* A reply as it comes, compared with what is expected. The head is kept until it is whole, the body is compared and
 * forgotten. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outcome.h"

#define LOAD_REPLY_HEAD_MAX 8192U

struct load_expect {
        unsigned status;
        bool any_length;        /* nothing is known about the body */
        bool any_bytes;         /* its length alone is known: n[0] + n[1] */
        const uint8_t *data[2]; /* the body is these two, one after the other */
        uint64_t n[2];
};

struct load_reply {
        const struct load_expect *expect;
        unsigned status; /* 0: the head is not whole yet */
        bool differs;    /* a byte of the body is not the expected one */
        uint64_t n_body;
        size_t n_head;
        char head[LOAD_REPLY_HEAD_MAX]; /* NUL-terminated once it is whole, its empty line taken off */
};

void load_reply_begin(struct load_reply *r, const struct load_expect *expect);

/* Takes bytes of the head; returns how many. 0 for n > 0: it is longer than can be kept. The head is whole when status
 * is not 0. */
size_t load_reply_head(struct load_reply *r, const uint8_t *data, size_t n);

void load_reply_body(struct load_reply *r, const uint8_t *data, size_t n);

/* The value of a header, up to the end of its line, or NULL. Name with its colon. */
const char *load_reply_header(const struct load_reply *r, const char *name);

/* The reply has ended: is it what was expected? */
enum load_outcome load_reply_judge(const struct load_reply *r);

/* No more of it is to come, or is waited for: is what there is how the expected one begins? */
enum load_outcome load_reply_judge_part(const struct load_reply *r);
