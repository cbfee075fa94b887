/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The web server's side of one connection, for tools: a request as bytes, and the replies as events. The decoder is the
 * mirror image of request.h: bytes in, events out, slices of the caller's buffer; it allocates nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/decoder.h"
#include "fcgi/params.h"
#include "fcgi/record.h"

struct fcgi_client_request {
        uint16_t request_id; /* not 0 */
        bool keep_conn;
        const struct fcgi_pair *params;
        size_t n_params;
        const void *body;
        size_t n_body;
};

/* The whole request, role responder: BEGIN_REQUEST, PARAMS and its end, STDIN and its end. A pair is kept within one
 * record where it fits, because php-fpm cannot read it otherwise. *ret: bytes that the caller frees. 0 or -ENOMEM. */
int fcgi_client_encode(const struct fcgi_client_request *request, uint8_t **ret, size_t *ret_n);

enum fcgi_client_event_type {
        FCGI_CLIENT_MORE,      /* all input is consumed: read more */
        FCGI_CLIENT_STDOUT,    /* data/n: a slice of the reply inside the caller's buffer */
        FCGI_CLIENT_STDERR,    /* data/n: a slice of the error stream */
        FCGI_CLIENT_END,       /* the request has ended: app_status, status */
        FCGI_CLIENT_VIOLATION, /* violation says why: the connection is of no further use */
};

struct fcgi_client_event {
        enum fcgi_client_event_type type;
        const uint8_t *data;
        size_t n;
        uint32_t app_status;
        uint8_t status; /* enum fcgi_protocol_status, or a number the specification does not have */
        enum fcgi_violation violation;
};

/* Zero-initialised it has no request in hand and needs no clean-up. All fields are its own business. */
struct fcgi_client {
        struct fcgi_record record;
        bool in_request;
        uint16_t request_id;
        enum fcgi_violation violation;
        size_t n_end;
        uint8_t end[FCGI_BODY_SIZE];
};

/* A request with that id has been sent: its records are of interest until END. Any other record is skipped, as are
 * those of management, which nobody asked for. */
void fcgi_client_begin(struct fcgi_client *c, uint16_t request_id);

/* Consumes bytes up to the next event; *ret_used is how many. Call again with the rest until FCGI_CLIENT_MORE. After
 * VIOLATION every further step says VIOLATION. */
void fcgi_client_step(struct fcgi_client *c, const uint8_t *in, size_t n, size_t *ret_used,
                      struct fcgi_client_event *ret);
