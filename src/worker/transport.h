/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A worker's connection: the decoder of fcgi/ and the stream of conn/ meet here. What is done with it is in the files
 * above, each of which calls those before it alone: body (what comes of a request's body by itself), reply (the way
 * out), input (the body as PHP reads it), kept (between two requests), exchange (a request from head to end).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conn/stream.h"
#include "fcgi/decoder.h"
#include "fcgi/index.h"
#include "fcgi/scan.h"
#include "worker/phases.h"
#include "worker/spool.h"

struct access;
struct kept;
struct track;

#define TRANSPORT_OUT_SIZE     65536U
#define TRANSPORT_ANSWERS_SIZE 4096U /* to queries that a client sends on end without reading */

/* One request and its reply. */
struct exchange {
        enum phases_exchange phase;
        bool whole;          /* the request had come whole when it was taken up */
        bool waited;         /* for its bytes, or for the client to close */
        struct spool spool;  /* what has been received of the body for PHP to read later, before what body points to */
        const uint8_t *body; /* a slice of the stream's buffer that PHP has not read yet */
        size_t n_body;
        usec_t drop_until; /* REPLIED, and the reply's end waits for a client that sends its body yet: how long that is
                              thrown away */
        size_t n_out;      /* bytes in out, an open record's included */
        size_t n_sent;     /* bytes of them that are out already, at the end of a reply */
        size_t out_record; /* where the open record's header is, when out_type is set */
        uint8_t out_type;  /* type of the open record, or 0 */
        size_t out_limit;  /* so many bytes are sent at once: see worker/reply.c */
        usec_t out_sent;   /* when some were sent last because of that */
        uint8_t out[TRANSPORT_OUT_SIZE];
};

/* The connection, with the exchange that is on it. */
struct transport {
        struct stream stream;
        struct fcgi_decoder decoder;
        struct fcgi_index params; /* the request's, from its head to its end */
        struct track *track;
        struct access *access;
        struct kept *kept;
        struct fcgi_scan scan; /* between requests: of what waits in the stream's buffer */
        usec_t begun;          /* since when the client has been sending the next request, or may; 0: it rests */
        bool unread_resets; /* the pool's connections are TCP: closing one with bytes unread drops what is on its way to
                               the client (RFC 1122 4.2.2.13) */
        usec_t first_byte_timeout, rest_timeout; /* how long one wait for bytes of a request may be */
        usec_t receive_timeout; /* how long a peer may let the worker wait for one request's head and body; 0: for ever
                                 */
        enum phases_connection phase;
        uint8_t answers[TRANSPORT_ANSWERS_SIZE]; /* the decoder's, which wait for the end of a record of the reply */
        size_t n_answers;
        struct exchange exchange;
};

/* What a transport works with; fields as there. */
struct transport_setup {
        struct track *track;
        struct access *access;
        struct kept *kept;
        struct fcgi_limits limits;
};

/* t is all zero: its buffers are large, and memory that nobody has touched is no memory. 0 or -ENOMEM. */
int transport_init(struct transport *t, const struct transport_setup *setup);

/* Takes over a connection. Must be followed by exchange_close(). */
void transport_open(struct transport *t, int fd, usec_t begun);

/* One event from the bytes at hand, or from more bytes; violations are dealt with here. 0 and *ret; STREAM_E_EMPTY when
 * dont_wait; TRANSPORT_E_ANSWER: the decoder has made an answer, which waits; -errno: the connection is of no more
 * use. */
enum { TRANSPORT_E_ANSWER = 100 }; /* beside STREAM_E_EMPTY */
int transport_next(struct transport *t, bool dont_wait, struct fcgi_event *ret);

/* Something has befallen the connection. */
static inline void transport_on(struct transport *t, enum phases_event event) {
        t->phase = phases_after(t->phase, event);
}

/* What its phase, and its exchange's, allow. */
static inline const struct phases_connection_row *transport_allows(const struct transport *t) {
        return &phases_connection_rows[t->phase];
}
static inline const struct phases_exchange_row *transport_exchange_allows(const struct transport *t) {
        return &phases_exchange_rows[t->exchange.phase];
}

/* The connection is of no more use, and what has gathered of the reply is dropped. Returns r. */
int transport_fail(struct transport *t, int r);
