/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The responder's side of one connection as a pure state machine: bytes in, events out. It follows FastCGI 1.0, one
 * request at a time (FCGI_MPXS_CONNS is 0). The caller owns the socket and the read buffer; body bytes are handed on as
 * slices of that buffer, never copied. Only the PARAMS stream is collected, in a block the decoder owns, up to a limit.
 *
 * Records may arrive in any split, with any padding, streams in any number of records. Between requests the decoder
 * takes management records (request id 0) and BEGIN_REQUEST; inside a request, records of other ids get the answers
 * that the spec wants.
 *
 * The decoder never runs ahead: a caller that stops stepping at BODY_END and goes on after fcgi_decoder_end_request()
 * can serve a peer that sends its next request early.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/limits.h"
#include "fcgi/record.h"
#include "fcgi/values.h"

/* Why a peer lost its connection. THE table: names for the log. */
#define FCGI_VIOLATIONS(X)                                                                                             \
        X(VERSION, "record with a protocol version other than 1")                                                      \
        X(PARAMS_TOO_LARGE, "parameters larger than the limit")                                                        \
        X(PARAMS_MALFORMED, "parameters that end inside a name-value pair, or a length over the stream's end")         \
        X(BEGIN_MALFORMED, "BEGIN_REQUEST with a body that is not 8 bytes")                                            \
        X(UNEXPECTED_RECORD, "record that this point of the request does not allow")                                   \
        X(NULL_REQUEST_ID, "BEGIN_REQUEST with the request id 0")                                                      \
        X(VALUES_TOO_LARGE, "GET_VALUES larger than the limit")                                                        \
        X(VALUES_MALFORMED, "GET_VALUES that ends inside a name-value pair")                                           \
        X(END_MALFORMED, "END_REQUEST with a body that is not 8 bytes")
// clang-format off
enum fcgi_violation {
        FCGI_VIOLATION_NONE,
#define X(symbol, text) FCGI_VIOLATION_##symbol,
        FCGI_VIOLATIONS(X)
#undef X
        _FCGI_VIOLATION_MAX,
};
// clang-format on
const char *fcgi_decoder_violation_text(enum fcgi_violation v);

enum fcgi_event_type {
        FCGI_EVENT_MORE,      /* all input is consumed: read more */
        FCGI_EVENT_BEGIN,     /* a request has begun: id, role, keep_conn are set in the decoder */
        FCGI_EVENT_HEAD,      /* the PARAMS stream has ended: params/n_params are complete and well-formed, index is
                               * of them */
        FCGI_EVENT_BODY,      /* data/n: a slice of the STDIN stream inside the caller's buffer */
        FCGI_EVENT_BODY_END,  /* the STDIN stream has ended */
        FCGI_EVENT_ABORT,     /* the peer aborts the request; the caller answers END_REQUEST when it has stopped */
        FCGI_EVENT_REPLY,     /* reply/n_reply are to be sent as they are (UNKNOWN_TYPE, GET_VALUES_RESULT, END_REQUEST
                               * with CANT_MPX_CONN or UNKNOWN_ROLE); close: and the connection closed after it */
        FCGI_EVENT_VIOLATION, /* violation says why: the connection must be closed */
};

struct fcgi_index;

struct fcgi_event {
        enum fcgi_event_type type;
        const uint8_t *data;
        size_t n;
        const uint8_t *reply; /* points into the decoder, valid until the next step */
        size_t n_reply;
        bool close;
        enum fcgi_violation violation;
};

/* Where the current request is. Bytes of fields below "private" are the decoder's own business. */
struct fcgi_decoder {
        uint16_t request_id; /* valid from BEGIN to the next BEGIN */
        enum fcgi_role role;
        bool keep_conn;
        bool in_request; /* between BEGIN and fcgi_decoder_end_request() */
        bool head_done;
        bool body_done;
        bool aborted;
        uint8_t *params; /* with room for one byte behind them */
        size_t n_params;
        struct fcgi_index *index; /* the caller's, who may set it at any time; or NULL */

        /* private */
        struct fcgi_limits limits;
        struct fcgi_private *p;
};

/* The decoder starts between requests; it copies the limits. 0 or -ENOMEM. */
int fcgi_decoder_init(struct fcgi_decoder *d, const struct fcgi_limits *limits);
void fcgi_decoder_done(struct fcgi_decoder *d);

/* A new connection: all but the limits and the memory is forgotten, a violation too. */
void fcgi_decoder_reset(struct fcgi_decoder *d);

/*
 * Consumes bytes up to the next event. *ret_used is how many of n were consumed (a BODY slice counts as consumed); call
 * again with the rest until FCGI_EVENT_MORE. After VIOLATION every further step says VIOLATION. 0, or -ENOMEM: the
 * decoder is then good for fcgi_decoder_reset() or fcgi_decoder_done() alone.
 */
int fcgi_decoder_step(struct fcgi_decoder *d, const uint8_t *in, size_t n, size_t *ret_used, struct fcgi_event *ret);

/* The caller has sent END_REQUEST: the decoder waits for the next BEGIN. What is left of the old request's STDIN stream
 * is skipped without events. The params block stays allocated (its memory is used again) but its contents end here, and
 * the index is cleared. */
void fcgi_decoder_end_request(struct fcgi_decoder *d);

/* True when no byte of a further record has been taken: the connection is idle between requests. */
bool fcgi_decoder_idle(const struct fcgi_decoder *d);

/* Bytes still to come of the record that was opened last, content and padding. */
size_t fcgi_decoder_rest(const struct fcgi_decoder *d);

/* Behind a request: what has been taken of a record that means something only as a whole, and is not whole yet (a
 * header, a query). It is as if these bytes had not come; the caller puts them in front of what follows. How many. */
#define FCGI_GIVE_BACK_MAX (FCGI_HEADER_SIZE + FCGI_VALUES_QUERY_MAX)
size_t fcgi_decoder_give_back(struct fcgi_decoder *d, uint8_t buf[static FCGI_GIVE_BACK_MAX]);

/* True between two records, in a request or not: the next byte is the first of a record's header. */
bool fcgi_decoder_between_records(const struct fcgi_decoder *d);
