/* SPDX-License-Identifier: MIT */
#pragma once
/* Records a responder sends, and those a client sends: fixed-size encoders into the caller's buffer. */

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

/* UNKNOWN_TYPE, section 4.2. Writes 16 bytes. */
void fcgi_reply_unknown_type(uint8_t out[static 16], uint8_t type);

/* BEGIN_REQUEST, section 5.1, for clients. Writes 16 bytes. */
void fcgi_reply_begin_request(uint8_t out[static 16], uint16_t request_id, enum fcgi_role role, bool keep_conn);
