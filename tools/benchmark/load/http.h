/* SPDX-License-Identifier: MIT */
#pragma once
/* The framing of HTTP/1.1 replies: where the body begins, what of it is body, and where it ends. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reply.h"

enum load_http_state {
        LOAD_HTTP_HEAD,
        LOAD_HTTP_LENGTH,     /* n_left bytes are to come */
        LOAD_HTTP_CLOSE,      /* all up to the end of the connection */
        LOAD_HTTP_CHUNK_LINE, /* a chunk's size, as far as it has come in n_left */
        LOAD_HTTP_CHUNK,      /* n_left bytes of a chunk */
        LOAD_HTTP_CHUNK_END,  /* the CR LF behind it */
        LOAD_HTTP_TRAILER,    /* lines behind the last chunk; an empty one ends the reply */
        LOAD_HTTP_DONE,
        LOAD_HTTP_BROKEN,
};

/* Zero-initialised it stands before a reply. */
struct load_http {
        enum load_http_state state;
        uint64_t n_left;
        bool in_extension; /* behind the digits of a chunk's size */
        bool in_line;      /* a trailer line has begun */
        bool closes;       /* the server says that it closes the connection */
};

/* Takes bytes, passes head and body on, and returns the state. Bytes behind DONE are BROKEN: nobody asked for them. */
enum load_http_state load_http_take(struct load_http *h, struct load_reply *reply, const uint8_t *data, size_t n);
