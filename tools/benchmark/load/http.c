/* SPDX-License-Identifier: MIT */
/* RFC 9112, as a client of a server on this machine needs it: one request on a connection at a time, no body for HEAD
 * is asked for. */

#include "http.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "base/macros.h"

#define CHUNK_MAX (1ULL << 40)

static enum load_http_state http_after_head(struct load_http *h, const struct load_reply *reply) {
        const char *coding = load_reply_header(reply, "Transfer-Encoding:");
        const char *length = load_reply_header(reply, "Content-Length:");
        const char *connection = load_reply_header(reply, "Connection:");

        h->closes = connection && strncasecmp(connection, "close", 5) == 0;
        h->n_left = 0;
        if (coding && strncasecmp(coding, "chunked", 7) == 0)
                return LOAD_HTTP_CHUNK_LINE;
        if (!length)
                return LOAD_HTTP_CLOSE;
        h->n_left = strtoull(length, NULL, 10);
        return h->n_left > 0 ? LOAD_HTTP_LENGTH : LOAD_HTTP_DONE;
}

static enum load_http_state http_take_chunk_line(struct load_http *h, uint8_t c) {
        if (c == '\n') {
                h->in_extension = false;
                return h->n_left > 0 ? LOAD_HTTP_CHUNK : LOAD_HTTP_TRAILER;
        }
        if (!isxdigit(c) || h->in_extension) {
                h->in_extension = true;
                return LOAD_HTTP_CHUNK_LINE;
        }
        h->n_left = h->n_left * 16 + (uint64_t)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
        return h->n_left < CHUNK_MAX ? LOAD_HTTP_CHUNK_LINE : LOAD_HTTP_BROKEN;
}

static enum load_http_state http_take_trailer(struct load_http *h, uint8_t c) {
        if (c == '\n' && !h->in_line)
                return LOAD_HTTP_DONE;
        if (c != '\r')
                h->in_line = c != '\n';
        return LOAD_HTTP_TRAILER;
}

static size_t http_take_body(struct load_http *h, struct load_reply *reply, const uint8_t *data, size_t n) {
        if (h->state != LOAD_HTTP_CLOSE)
                n = (size_t)MIN((uint64_t)n, h->n_left);
        load_reply_body(reply, data, n);
        if (h->state == LOAD_HTTP_CLOSE)
                return n;
        h->n_left -= n;
        if (h->n_left == 0)
                h->state = h->state == LOAD_HTTP_CHUNK ? LOAD_HTTP_CHUNK_END : LOAD_HTTP_DONE;
        return n;
}

/* One step; returns how many bytes it took. */
static size_t http_take_some(struct load_http *h, struct load_reply *reply, const uint8_t *data, size_t n) {
        switch (h->state) {
        case LOAD_HTTP_HEAD:
                n = load_reply_head(reply, data, n);
                if (n == 0)
                        h->state = LOAD_HTTP_BROKEN;
                else if (reply->status != 0)
                        h->state = http_after_head(h, reply);
                return n;
        case LOAD_HTTP_LENGTH:
        case LOAD_HTTP_CLOSE:
        case LOAD_HTTP_CHUNK:
                return http_take_body(h, reply, data, n);
        case LOAD_HTTP_CHUNK_LINE:
                h->state = http_take_chunk_line(h, *data);
                return 1;
        case LOAD_HTTP_CHUNK_END:
                if (*data == '\n')
                        h->state = LOAD_HTTP_CHUNK_LINE;
                else if (*data != '\r')
                        h->state = LOAD_HTTP_BROKEN;
                return 1;
        case LOAD_HTTP_TRAILER:
                h->state = http_take_trailer(h, *data);
                return 1;
        case LOAD_HTTP_DONE:
        case LOAD_HTTP_BROKEN:
        default:
                h->state = LOAD_HTTP_BROKEN;
                return n;
        }
}

enum load_http_state load_http_take(struct load_http *h, struct load_reply *reply, const uint8_t *data, size_t n) {
        while (n > 0) {
                size_t used = http_take_some(h, reply, data, n);

                data += used;
                n -= used;
                if (h->state == LOAD_HTTP_BROKEN)
                        break;
        }
        return h->state;
}
