/* SPDX-License-Identifier: MIT */
/*
 * Records of fixed size: a header and a body of eight bytes, most of them reserved and zero. No padding: the sizes are
 * multiples of eight as they are. And the reply that is known whole.
 */

#include "fcgi/reply.h"

#include <string.h>

/* Returns where the body is to be written; it is zeroed. */
static uint8_t *reply_begin_record(uint8_t *out, enum fcgi_type type, uint16_t request_id) {
        fcgi_record_encode_header(
                out,
                &(struct fcgi_header){ .type = (uint8_t)type, .request_id = request_id, .n_content = FCGI_BODY_SIZE });
        return memset(out + FCGI_HEADER_SIZE, 0, FCGI_BODY_SIZE);
}

void fcgi_reply_end_request(uint8_t out[static FCGI_END_REQUEST_SIZE], uint16_t request_id, uint32_t app_status,
                            enum fcgi_protocol_status status) {
        uint8_t *body = reply_begin_record(out, FCGI_END_REQUEST, request_id);

        fcgi_record_write_u32(body, app_status);
        body[4] = (uint8_t)status;
}

size_t fcgi_reply_whole(uint8_t *out, uint16_t request_id, const void *content, size_t n) {
        size_t at = FCGI_HEADER_SIZE, padding = -n % FCGI_REPLY_ALIGN;

        fcgi_record_encode_header(out, &(struct fcgi_header){ .type = FCGI_STDOUT,
                                                              .request_id = request_id,
                                                              .n_content = (uint16_t)n,
                                                              .n_padding = (uint8_t)padding });
        memcpy(out + at, content, n);
        at += n;
        memset(out + at, 0, padding);
        at += padding;
        fcgi_reply_end_request(out + at, request_id, 0, FCGI_REQUEST_COMPLETE);
        return at + FCGI_END_REQUEST_SIZE;
}

void fcgi_reply_unknown_type(uint8_t out[static 16], uint8_t type) {
        uint8_t *body = reply_begin_record(out, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID);

        body[0] = type;
}

void fcgi_reply_begin_request(uint8_t out[static 16], uint16_t request_id, enum fcgi_role role, bool keep_conn) {
        uint8_t *body = reply_begin_record(out, FCGI_BEGIN_REQUEST, request_id);

        fcgi_record_write_u16(body, (uint16_t)role);
        body[2] = keep_conn ? FCGI_KEEP_CONN : 0;
}
