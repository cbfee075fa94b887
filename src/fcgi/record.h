/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * FastCGI 1.0 records: the eight-byte header and the fixed bodies, read and written by hand, byte by byte.
 * Pure functions; nothing here knows a socket.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FCGI_VERSION          1
#define FCGI_HEADER_SIZE      8U
#define FCGI_CONTENT_MAX      65535U
#define FCGI_RECORD_MAX       (FCGI_HEADER_SIZE + FCGI_CONTENT_MAX + 255U)
#define FCGI_END_REQUEST_SIZE 16U /* header and body */
#define FCGI_BODY_SIZE        8U  /* the body of BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE */
#define FCGI_NULL_REQUEST_ID  0U  /* the id of management records */

/* Record types, spec section 8. Every type above the last one is unknown, and 0 is. */
enum fcgi_type {
        FCGI_BEGIN_REQUEST = 1,
        FCGI_ABORT_REQUEST = 2,
        FCGI_END_REQUEST = 3,
        FCGI_PARAMS = 4,
        FCGI_STDIN = 5,
        FCGI_STDOUT = 6,
        FCGI_STDERR = 7,
        FCGI_DATA = 8,
        FCGI_GET_VALUES = 9,
        FCGI_GET_VALUES_RESULT = 10,
        FCGI_UNKNOWN_TYPE = 11,
};

enum fcgi_role { FCGI_RESPONDER = 1, FCGI_AUTHORIZER = 2, FCGI_FILTER = 3 };

static inline bool fcgi_record_serves_role(unsigned role) {
        return role >= FCGI_RESPONDER && role <= FCGI_FILTER;
}

enum fcgi_protocol_status {
        FCGI_REQUEST_COMPLETE = 0,
        FCGI_CANT_MPX_CONN = 1,
        FCGI_OVERLOADED = 2,
        FCGI_UNKNOWN_ROLE = 3,
};

#define FCGI_KEEP_CONN 1U

struct fcgi_header {
        uint8_t version;
        uint8_t type;
        uint16_t request_id;
        uint16_t n_content;
        uint8_t n_padding;
};

void fcgi_record_decode_header(const uint8_t in[static FCGI_HEADER_SIZE], struct fcgi_header *ret);
/* Of the version that there is. */
void fcgi_record_encode_header(uint8_t out[static FCGI_HEADER_SIZE], const struct fcgi_header *h);

/* Numbers of several bytes, most significant first. */
uint16_t fcgi_record_read_u16(const uint8_t in[static 2]);
uint32_t fcgi_record_read_u32(const uint8_t in[static 4]);
void fcgi_record_write_u16(uint8_t out[static 2], uint16_t v);
void fcgi_record_write_u32(uint8_t out[static 4], uint32_t v);

/* Bytes not yet consumed. */
struct fcgi_slice {
        const uint8_t *data;
        size_t n;
};

/*
 * Where a stream of records is: inside a header, inside content, or inside padding. Zero-initialised it stands before
 * the first header. A reader alternates: fcgi_record_open(), then fcgi_record_take() until n_left is 0.
 */
struct fcgi_record {
        struct fcgi_header header; /* of the record opened last */
        size_t n_left;             /* bytes of its content not yet taken */
        size_t n_padding;          /* bytes of padding not yet skipped */
        size_t n_raw;              /* bytes of the next header in raw */
        uint8_t raw[FCGI_HEADER_SIZE];
};

/* Skips padding and reads a header, as far as the input goes; the last record's content must have been taken. True when
 * the header is complete, be its content empty or not. */
bool fcgi_record_open(struct fcgi_record *r, struct fcgi_slice *in);

/* Moves the content that the input holds into *ret, a slice of the same buffer. False when there is none. */
bool fcgi_record_take(struct fcgi_record *r, struct fcgi_slice *in, struct fcgi_slice *ret);

/* True between two records: the last one is wholly consumed, its padding too, and no byte of the next has been. */
bool fcgi_record_between(const struct fcgi_record *r);
