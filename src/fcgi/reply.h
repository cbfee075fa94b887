/* SPDX-License-Identifier: MIT */
#pragma once
/* Records a responder sends, and those a client sends: encoders into the caller's buffer. */

#include <stdbool.h>

#include "fcgi/record.h"

/* END_REQUEST, spec section 5.5. Writes FCGI_END_REQUEST_SIZE bytes.
 *
 * It alone ends a reply: no empty STDOUT or STDERR record goes before it, though section 3.3 has streams end so. Where
 * less has come by then than a Content-Length has promised, nginx (seen in 1.22) takes an empty STDOUT record for an
 * end in good order: its client waits for the rest on a kept connection, and takes the next response for that. php-fpm
 * sends no such record either, so no web server relies on it. */
void fcgi_reply_end_request(uint8_t out[static FCGI_END_REQUEST_SIZE], uint16_t request_id, uint32_t app_status,
                            enum fcgi_protocol_status status);

/* Room for fcgi_reply_whole() of n bytes. */
#define FCGI_REPLY_WHOLE_SIZE(n) (FCGI_HEADER_SIZE + (n) + FCGI_REPLY_ALIGN - 1 + FCGI_END_REQUEST_SIZE)
#define FCGI_REPLY_ALIGN         8U

/* A whole reply: n bytes of STDOUT (section 5.3) in one record, padded to a multiple of eight, and END_REQUEST. n: at
 * most FCGI_CONTENT_MAX. out has room for FCGI_REPLY_WHOLE_SIZE(n). How many bytes that were. */
size_t fcgi_reply_whole(uint8_t *out, uint16_t request_id, const void *content, size_t n);

/* UNKNOWN_TYPE, section 4.2. Writes 16 bytes. */
void fcgi_reply_unknown_type(uint8_t out[static 16], uint8_t type);

/* BEGIN_REQUEST, section 5.1, for clients. Writes 16 bytes. */
void fcgi_reply_begin_request(uint8_t out[static 16], uint16_t request_id, enum fcgi_role role, bool keep_conn);
