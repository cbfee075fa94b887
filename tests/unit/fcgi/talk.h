/* SPDX-License-Identifier: MIT */
#pragma once
/* Conversations as tables of records, made into bytes. */

#include <stdint.h>
#include <string.h>

#include "base/macros.h"
#include "fcgi/decoder.h"

#define TALK_BYTES_MAX 8192

struct record {
        uint8_t type;
        uint16_t id;
        const char *content; /* NULL behind the last record */
        size_t n;
        uint8_t version; /* 0: the right one */
};

// clang-format off
#define R(t, i, c) { .type = (t), .id = (i), .content = (c), .n = sizeof(c) - 1 }
// clang-format on
#define BEGIN(i)      R(FCGI_BEGIN_REQUEST, i, "\0\1\0\0\0\0\0\0")
#define BEGIN_KEEP(i) R(FCGI_BEGIN_REQUEST, i, "\0\1\1\0\0\0\0\0")
#define PARAMS(i, c)  R(FCGI_PARAMS, i, c)
#define STDIN(i, c)   R(FCGI_STDIN, i, c)
#define ABORT(i)      R(FCGI_ABORT_REQUEST, i, "")
#define STDOUT(i, c)  R(FCGI_STDOUT, i, c)
#define STDERR(i, c)  R(FCGI_STDERR, i, c)
#define END(i, c)     R(FCGI_END_REQUEST, i, c)
#define QUERY         "\15\0FCGI_MAX_REQS\17\0FCGI_MPXS_CONNS"

/* Writes all records with that padding. Returns the number of bytes. */
static inline size_t talk_build(const struct record *records, uint8_t n_padding, uint8_t *out) {
        uint8_t *p = out;

        for (const struct record *r = records; r->content; r++) {
                fcgi_record_encode_header(p, &(struct fcgi_header){ .type = r->type,
                                                                    .request_id = r->id,
                                                                    .n_content = (uint16_t)r->n,
                                                                    .n_padding = n_padding });
                if (r->version > 0)
                        p[0] = r->version;
                memcpy(p + FCGI_HEADER_SIZE, r->content, r->n);
                p += FCGI_HEADER_SIZE + r->n;
                memset(p, 1, n_padding); /* not zero: whoever takes it for a header finds a good version */
                p += n_padding;
        }
        return (size_t)(p - out);
}

/* Bytes, and how they come: the first n_first at once, the others in pieces of n_step. */
struct talk_bytes {
        const uint8_t *in;
        size_t n, n_first, n_step;
};

/* Gives them to a reader of talks and compares. */
typedef void talk_hold_fn(const void *talk, const struct talk_bytes *b);

/* The records whole and byte by byte, with every padding. */
static inline void talk_whole_and_byte_by_byte(talk_hold_fn *hold, const void *talk, const struct record *records) {
        static uint8_t bytes[TALK_BYTES_MAX];

        for (unsigned n_padding = 0; n_padding <= 255; n_padding++) {
                size_t n = talk_build(records, (uint8_t)n_padding, bytes);

                hold(talk, &(struct talk_bytes){ bytes, n, n, 1 });
                hold(talk, &(struct talk_bytes){ bytes, n, 0, 1 });
        }
}

/* The records in two pieces, whatever these are. */
static inline void talk_cut_at_every_position(talk_hold_fn *hold, const void *talk, const struct record *records) {
        static const uint8_t paddings[] = { 0, 1, 7, 255 };
        static uint8_t bytes[TALK_BYTES_MAX];

        for (size_t i = 0; i < ELEMENTSOF(paddings); i++) {
                size_t n = talk_build(records, paddings[i], bytes);

                for (size_t at = 0; at <= n; at++)
                        hold(talk, &(struct talk_bytes){ bytes, n, at, n });
        }
}

static inline const char *talk_violation_name(enum fcgi_violation v) {
        static const char *const names[] = { "NONE",
#define X(symbol, text) #symbol,
                                             FCGI_VIOLATIONS(X)
#undef X
        };

        return names[v];
}
