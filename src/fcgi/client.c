/* SPDX-License-Identifier: MIT */
/*
 * The other end of the conversation. An application is trusted no more than a web server: END_REQUEST must have its
 * eight bytes, and only records that an application may send are taken for the request in hand. Empty STDOUT and STDERR
 * records end their streams, which says nothing that END_REQUEST does not say better; they make no event.
 */

#include "fcgi/client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"
#include "fcgi/reply.h"

static void client_append_record(struct text *out, struct fcgi_header h, const struct fcgi_slice *content) {
        uint8_t header[FCGI_HEADER_SIZE];

        h.n_content = (uint16_t)content->n;
        fcgi_record_encode_header(header, &h);
        text_append_n(out, header, sizeof(header));
        text_append_n(out, content->data, content->n);
}

/* Appends the first n bytes of *in, at most a record at a time, and removes them from *in. Nothing for n = 0: an empty
 * record would end the stream. */
static void client_append_stream(struct text *out, struct fcgi_header h, struct fcgi_slice *in, size_t n) {
        while (n > 0) {
                struct fcgi_slice piece = { .data = in->data, .n = MIN(n, (size_t)FCGI_CONTENT_MAX) };

                client_append_record(out, h, &piece);
                in->data += piece.n;
                in->n -= piece.n;
                n -= piece.n;
        }
}

static int client_encode_params(const struct fcgi_client_request *request, uint8_t **ret, size_t *ret_n) {
        uint8_t *block, *p;
        size_t n = 0;

        for (size_t i = 0; i < request->n_params; i++)
                n += fcgi_params_encoded_size(request->params[i].n_name, request->params[i].n_value);
        block = p = malloc(MAX(n, (size_t)1));
        if (!block)
                return -ENOMEM;
        for (size_t i = 0; i < request->n_params; i++) {
                const struct fcgi_pair *pair = &request->params[i];

                p += fcgi_params_encode(p, pair);
        }
        *ret = block;
        *ret_n = n;
        return 0;
}

/* Records end between pairs; only a pair that fills more than a record is cut. */
static void client_append_params(struct text *out, struct fcgi_header h, const uint8_t *block, size_t n) {
        struct fcgi_slice rest = { .data = block, .n = n };
        struct fcgi_pair pair;
        size_t pos = 0, gathered = 0, end;

        while (fcgi_params_next(block, n, &pos, &pair) == 1) {
                end = pos - (n - rest.n);
                if (end > FCGI_CONTENT_MAX) {
                        client_append_stream(out, h, &rest, gathered);
                        end -= gathered;
                }
                gathered = end;
        }
        client_append_stream(out, h, &rest, gathered);
}

int fcgi_client_encode(const struct fcgi_client_request *request, uint8_t **ret, size_t *ret_n) {
        const struct fcgi_header params = { .type = FCGI_PARAMS, .request_id = request->request_id };
        const struct fcgi_header in = { .type = FCGI_STDIN, .request_id = request->request_id };
        static const struct fcgi_slice empty = {};
        struct fcgi_slice body = { .data = request->body, .n = request->n_body };
        _cleanup_text_ struct text out = {};
        _cleanup_free_ uint8_t *block = NULL;
        uint8_t begin[FCGI_HEADER_SIZE + FCGI_BODY_SIZE];
        char *bytes;
        size_t n;
        int r;

        assert(request->request_id != FCGI_NULL_REQUEST_ID);

        r = client_encode_params(request, &block, &n);
        if (r < 0)
                return r;
        fcgi_reply_begin_request(begin, request->request_id, FCGI_RESPONDER, request->keep_conn);
        text_append_n(&out, begin, sizeof(begin));
        client_append_params(&out, params, block, n);
        client_append_record(&out, params, &empty);
        client_append_stream(&out, in, &body, body.n);
        client_append_record(&out, in, &empty);

        r = text_finish(&out, &bytes, ret_n);
        if (r < 0)
                return r;
        *ret = (uint8_t *)bytes;
        return 0;
}

void fcgi_client_begin(struct fcgi_client *c, uint16_t request_id) {
        c->in_request = true;
        c->request_id = request_id;
}

static bool client_is_current(const struct fcgi_client *c) {
        return c->in_request && c->record.header.request_id == c->request_id;
}

static enum fcgi_violation client_judge_header(const struct fcgi_client *c) {
        const struct fcgi_header *h = &c->record.header;

        if (h->version != FCGI_VERSION)
                return FCGI_VIOLATION_VERSION;
        if (!client_is_current(c) || h->type == FCGI_STDOUT || h->type == FCGI_STDERR)
                return FCGI_VIOLATION_NONE;
        if (h->type != FCGI_END_REQUEST)
                return FCGI_VIOLATION_UNEXPECTED_RECORD;
        return h->n_content == FCGI_BODY_SIZE ? FCGI_VIOLATION_NONE : FCGI_VIOLATION_END_MALFORMED;
}

static void client_take_end(struct fcgi_client *c, const struct fcgi_slice *content, struct fcgi_client_event *ret) {
        memcpy(c->end + c->n_end, content->data, content->n);
        c->n_end += content->n;
        if (c->n_end < sizeof(c->end))
                return;
        c->n_end = 0;
        c->in_request = false;
        ret->type = FCGI_CLIENT_END;
        ret->app_status = fcgi_record_read_u32(c->end);
        ret->status = c->end[4];
}

static void client_take_content(struct fcgi_client *c, const struct fcgi_slice *content,
                                struct fcgi_client_event *ret) {
        if (!client_is_current(c))
                return;
        if (c->record.header.type == FCGI_END_REQUEST) {
                client_take_end(c, content, ret);
                return;
        }
        ret->type = c->record.header.type == FCGI_STDOUT ? FCGI_CLIENT_STDOUT : FCGI_CLIENT_STDERR;
        ret->data = content->data;
        ret->n = content->n;
}

void fcgi_client_step(struct fcgi_client *c, const uint8_t *in, size_t n, size_t *ret_used,
                      struct fcgi_client_event *ret) {
        struct fcgi_slice rest = { .data = in, .n = n }, content;
        struct fcgi_client_event event = {};

        while (c->violation == FCGI_VIOLATION_NONE && event.type == FCGI_CLIENT_MORE && rest.n > 0) {
                if (fcgi_record_take(&c->record, &rest, &content))
                        client_take_content(c, &content, &event);
                else if (fcgi_record_open(&c->record, &rest))
                        c->violation = client_judge_header(c);
        }
        if (c->violation != FCGI_VIOLATION_NONE)
                event = (struct fcgi_client_event){ .type = FCGI_CLIENT_VIOLATION, .violation = c->violation };
        *ret_used = n - rest.n;
        *ret = event;
}
