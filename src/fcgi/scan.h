/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Has a request arrived whole? Looks at the raw bytes at the start of a request, consumes nothing, and hops from header
 * to header, so that a look costs what has come since the last one. For those that wait for a request without a
 * decoder, and for deciding whether to decode yet.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised it stands before the first record. All fields are its own business, but at: where the record begins
 * that it has not got over, which of SCAN_ANSWER is the record to be answered. */
struct fcgi_scan {
        size_t at;
        size_t first; /* where the request's BEGIN is */
        uint16_t request_id;
        uint16_t answered;  /* a request of this id has been answered; 0: none. The one field that its user sets */
        bool answered_over; /* no more of its body comes: FCGI_STDIN has ended, or it is aborted */
        bool in_request;
        bool authorizes; /* its role is AUTHORIZER */
        bool head_done;
        bool head_checked; /* the parameters are well-formed, and no_body is known */
        bool no_body;      /* by its parameters it has none, and none has come: it is whole without the end of STDIN, as
                              php-fpm has it */
        bool enough;       /* as much of its body has come as they say: likewise */
        uint64_t length;   /* what they say, or FCGI_PARAMS_LENGTH_UNKNOWN */
        uint64_t n_body;   /* bytes of STDIN up to at */
};

enum fcgi_scan_verdict {
        FCGI_SCAN_MORE,   /* nothing to do for anybody until more bytes come */
        FCGI_SCAN_WHOLE,  /* BEGIN, PARAMS and STDIN to their ends, or no_body, or enough */
        FCGI_SCAN_ANSWER, /* the record at scan.at is there whole, and is answered by itself, whatever becomes of the
                             request */
        FCGI_SCAN_TAKE,   /* the decoder gets to an end of the request with these bytes: it is aborted, or breaks the
                             protocol */
};

/* buf: all bytes since the start, n of them; only appended to between two looks. After WHOLE and TAKE the verdict stays
 * the same. */
enum fcgi_scan_verdict fcgi_scan(struct fcgi_scan *s, const uint8_t *buf, size_t n);

/* The record at s->at has been answered: takes it out of the buffer, and the look goes on behind it. */
void fcgi_scan_remove(struct fcgi_scan *s, uint8_t *buf, size_t *n);
