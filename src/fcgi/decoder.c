/* SPDX-License-Identifier: MIT */
/*
 * The decoder turns records into events in three moves: a record is opened when its header is complete, its content is
 * taken as it arrives, and it is closed when the content is. Whatever can be judged by the header alone is judged when
 * the record opens, so a peer cannot make us read what we are going to refuse.
 *
 * What the specification leaves open is decided so:
 * - GET_VALUES is answered with any request id, and in the middle of a request too: records are whole, so the reply can
 *   go between two records of the running one.
 * - UNKNOWN_TYPE is never answered: two peers that answered each other would not stop.
 * - STDIN before the end of PARAMS is a violation. Section 6.2 orders the two streams, and php-fpm loses the body in
 *   that case.
 * - An empty STDIN record after the end of STDIN is ignored, since php-fpm bears it; STDIN data after the end is a
 *   violation.
 * - Records of a request that is not in hand are ignored, of whatever known type: they are the rest of one that was
 *   ended or refused.
 * - Authorizers and filters are served as responders are, and DATA, which belongs to the filter role, is skipped: so it
 *   is with php-fpm.
 */

#include "fcgi/decoder.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "fcgi/index.h"
#include "fcgi/params.h"
#include "fcgi/reply.h"
#include "fcgi/values.h"

#define PARAMS_SIZE_MIN 4096U

/* What becomes of the open record's content. */
enum take {
        TAKE_NOTHING,
        TAKE_BEGIN,
        TAKE_PARAMS,
        TAKE_BODY,
        TAKE_VALUES,
};

struct fcgi_private {
        struct fcgi_record record;
        enum take take;
        enum fcgi_violation violation;
        size_t size_params; /* allocated at fcgi_decoder.params */
        size_t n_small;
        uint8_t small[FCGI_VALUES_QUERY_MAX]; /* content that is needed in one piece: BEGIN_REQUEST, GET_VALUES */
        uint8_t reply[FCGI_VALUES_RESULT_MAX];
};

static_assert(FCGI_VALUES_RESULT_MAX >= FCGI_END_REQUEST_SIZE, "every reply fits");

const char *fcgi_decoder_violation_text(enum fcgi_violation v) {
        static const char *const texts[_FCGI_VIOLATION_MAX] = { [FCGI_VIOLATION_NONE] = "none",
#define X(symbol, text) [FCGI_VIOLATION_##symbol] = text,
                                                                FCGI_VIOLATIONS(X)
#undef X
        };

        assert(v < _FCGI_VIOLATION_MAX);
        return texts[v];
}

int fcgi_decoder_init(struct fcgi_decoder *d, const struct fcgi_limits *limits) {
        struct fcgi_private *p;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        *d = (struct fcgi_decoder){ .limits = *limits, .p = p };
        return 0;
}

void fcgi_decoder_done(struct fcgi_decoder *d) {
        free(d->params);
        free(d->p);
        *d = (struct fcgi_decoder){};
}

void fcgi_decoder_reset(struct fcgi_decoder *d) {
        struct fcgi_private *p = d->p;

        p->record = (struct fcgi_record){};
        p->take = TAKE_NOTHING;
        p->violation = FCGI_VIOLATION_NONE;
        *d = (struct fcgi_decoder){ .params = d->params, .index = d->index, .limits = d->limits, .p = p };
}

void fcgi_decoder_end_request(struct fcgi_decoder *d) {
        d->in_request = false;
        d->n_params = 0;
        if (d->index)
                fcgi_index_clear(d->index);
        if (d->p->take == TAKE_PARAMS || d->p->take == TAKE_BODY)
                d->p->take = TAKE_NOTHING;
}

bool fcgi_decoder_idle(const struct fcgi_decoder *d) {
        return !d->in_request && fcgi_record_between(&d->p->record);
}

size_t fcgi_decoder_rest(const struct fcgi_decoder *d) {
        return d->p->record.n_left + d->p->record.n_padding;
}

size_t fcgi_decoder_give_back(struct fcgi_decoder *d, uint8_t buf[static FCGI_GIVE_BACK_MAX]) {
        struct fcgi_private *p = d->p;
        struct fcgi_record *r = &p->record;
        const struct fcgi_header *h = &r->header;
        size_t n = r->n_raw;

        memcpy(buf, r->raw, n);
        if (n == 0 && r->n_left > 0 && (p->take == TAKE_BEGIN || p->take == TAKE_VALUES)) {
                fcgi_record_encode_header(buf, h);
                memcpy(buf + FCGI_HEADER_SIZE, p->small, p->n_small);
                n = FCGI_HEADER_SIZE + p->n_small;
        }
        if (n > 0) {
                *r = (struct fcgi_record){};
                p->take = TAKE_NOTHING;
        }
        return n;
}

bool fcgi_decoder_between_records(const struct fcgi_decoder *d) {
        return fcgi_record_between(&d->p->record);
}

static void decoder_raise_violation(struct fcgi_decoder *d, enum fcgi_violation violation, struct fcgi_event *ret) {
        d->p->violation = violation;
        *ret = (struct fcgi_event){ .type = FCGI_EVENT_VIOLATION, .violation = violation };
}

static void decoder_raise_reply(struct fcgi_decoder *d, size_t n, bool close, struct fcgi_event *ret) {
        *ret = (struct fcgi_event){
                .type = FCGI_EVENT_REPLY,
                .reply = d->p->reply,
                .n_reply = n,
                .close = close,
        };
}

static void decoder_refuse_request(struct fcgi_decoder *d, enum fcgi_protocol_status status, bool close,
                                   struct fcgi_event *ret) {
        fcgi_reply_end_request(d->p->reply, d->p->record.header.request_id, 0, status);
        decoder_raise_reply(d, FCGI_END_REQUEST_SIZE, close, ret);
}

static void decoder_take_small(struct fcgi_decoder *d, enum take take) {
        d->p->take = take;
        d->p->n_small = 0;
}

static void decoder_open_begin(struct fcgi_decoder *d, struct fcgi_event *ret) {
        const struct fcgi_header *h = &d->p->record.header;

        if (h->request_id == FCGI_NULL_REQUEST_ID)
                decoder_raise_violation(d, FCGI_VIOLATION_NULL_REQUEST_ID, ret);
        else if (h->n_content != FCGI_BODY_SIZE)
                decoder_raise_violation(d, FCGI_VIOLATION_BEGIN_MALFORMED, ret);
        else if (!d->in_request)
                decoder_take_small(d, TAKE_BEGIN);
        else if (h->request_id == d->request_id)
                decoder_raise_violation(d, FCGI_VIOLATION_UNEXPECTED_RECORD, ret);
        else
                decoder_refuse_request(d, FCGI_CANT_MPX_CONN, false, ret);
}

static void decoder_open_values(struct fcgi_decoder *d, struct fcgi_event *ret) {
        if (d->p->record.header.n_content > FCGI_VALUES_QUERY_MAX)
                decoder_raise_violation(d, FCGI_VIOLATION_VALUES_TOO_LARGE, ret);
        else
                decoder_take_small(d, TAKE_VALUES);
}

static void decoder_open_unknown(struct fcgi_decoder *d, struct fcgi_event *ret) {
        uint8_t type = d->p->record.header.type;

        if (type == FCGI_UNKNOWN_TYPE)
                return;
        fcgi_reply_unknown_type(d->p->reply, type);
        decoder_raise_reply(d, FCGI_HEADER_SIZE + FCGI_BODY_SIZE, false, ret);
}

/* Makes room for n more bytes, within the limit, and one behind them. The block only grows: the next request will
 * likely be as large. */
static int decoder_reserve_params(struct fcgi_decoder *d, size_t n) {
        size_t need = d->n_params + n + 1, size;
        uint8_t *params;

        if (need <= d->p->size_params)
                return 0;
        size = MAX(d->p->size_params * 2, (size_t)PARAMS_SIZE_MIN);
        size = MIN(size, d->limits.params_max + 1);
        size = MAX(size, need);
        params = realloc(d->params, size);
        if (!params)
                return -ENOMEM;
        d->params = params;
        d->p->size_params = size;
        return 0;
}

static int decoder_open_params(struct fcgi_decoder *d, struct fcgi_event *ret) {
        size_t n = d->p->record.header.n_content;

        if (d->head_done) {
                decoder_raise_violation(d, FCGI_VIOLATION_UNEXPECTED_RECORD, ret);
                return 0;
        }
        if (n > d->limits.params_max - d->n_params) {
                decoder_raise_violation(d, FCGI_VIOLATION_PARAMS_TOO_LARGE, ret);
                return 0;
        }
        d->p->take = TAKE_PARAMS;
        return decoder_reserve_params(d, n);
}

static void decoder_open_stdin(struct fcgi_decoder *d, struct fcgi_event *ret) {
        bool empty = d->p->record.header.n_content == 0;

        if (!d->head_done || (d->body_done && !empty))
                decoder_raise_violation(d, FCGI_VIOLATION_UNEXPECTED_RECORD, ret);
        else if (!d->body_done)
                d->p->take = TAKE_BODY;
}

/* A record of the request in hand. */
static int decoder_open_current(struct fcgi_decoder *d, struct fcgi_event *ret) {
        switch (d->p->record.header.type) {
        case FCGI_PARAMS:
                return decoder_open_params(d, ret);
        case FCGI_STDIN:
                decoder_open_stdin(d, ret);
                return 0;
        case FCGI_ABORT_REQUEST:
                d->aborted = true;
                ret->type = FCGI_EVENT_ABORT;
                return 0;
        case FCGI_DATA:
                return 0;
        default:
                decoder_raise_violation(d, FCGI_VIOLATION_UNEXPECTED_RECORD, ret);
                return 0;
        }
}

static int decoder_open_record(struct fcgi_decoder *d, struct fcgi_event *ret) {
        const struct fcgi_header *h = &d->p->record.header;
        bool known = h->type >= FCGI_BEGIN_REQUEST && h->type <= FCGI_UNKNOWN_TYPE;

        d->p->take = TAKE_NOTHING;
        if (h->version != FCGI_VERSION)
                decoder_raise_violation(d, FCGI_VIOLATION_VERSION, ret);
        else if (h->type == FCGI_BEGIN_REQUEST)
                decoder_open_begin(d, ret);
        else if (h->type == FCGI_GET_VALUES)
                decoder_open_values(d, ret);
        else if (!known || h->request_id == FCGI_NULL_REQUEST_ID)
                decoder_open_unknown(d, ret);
        else if (d->in_request && !d->aborted && h->request_id == d->request_id)
                return decoder_open_current(d, ret);
        return 0;
}

static void decoder_take_content(struct fcgi_decoder *d, const struct fcgi_slice *content, struct fcgi_event *ret) {
        struct fcgi_private *p = d->p;

        if (p->take == TAKE_BODY) {
                *ret = (struct fcgi_event){ .type = FCGI_EVENT_BODY, .data = content->data, .n = content->n };
        } else if (p->take == TAKE_PARAMS) {
                memcpy(d->params + d->n_params, content->data, content->n);
                d->n_params += content->n;
        } else if (p->take != TAKE_NOTHING) {
                memcpy(p->small + p->n_small, content->data, content->n);
                p->n_small += content->n;
        }
}

static int decoder_close_begin(struct fcgi_decoder *d, struct fcgi_event *ret) {
        bool keep_conn = d->p->small[2] & FCGI_KEEP_CONN;
        unsigned role = fcgi_record_read_u16(d->p->small);

        if (!fcgi_record_serves_role(role)) {
                decoder_refuse_request(d, FCGI_UNKNOWN_ROLE, !keep_conn, ret);
                return 0;
        }
        d->request_id = d->p->record.header.request_id;
        d->role = (enum fcgi_role)role;
        d->keep_conn = keep_conn;
        d->in_request = true;
        d->head_done = d->body_done = d->aborted = false;
        d->n_params = 0;
        ret->type = FCGI_EVENT_BEGIN;
        return 0;
}

static int decoder_close_values(struct fcgi_decoder *d, struct fcgi_event *ret) {
        size_t n;

        if (fcgi_values_answer(d->p->small, d->p->n_small, &d->limits, d->p->reply, &n) != 0)
                decoder_raise_violation(d, FCGI_VIOLATION_VALUES_MALFORMED, ret);
        else
                decoder_raise_reply(d, n, false, ret);
        return 0;
}

/* Whether the parameters are whole pairs: 0, FCGI_PARAMS_E_MALFORMED or -ENOMEM. */
static int decoder_check_params(struct fcgi_decoder *d) {
        if (d->index)
                return fcgi_index_read(d->index, d->params, d->n_params);
        return fcgi_params_well_formed(d->params, d->n_params) ? 0 : FCGI_PARAMS_E_MALFORMED;
}

/* An empty record ends its stream, section 3.3. */
static int decoder_close_params(struct fcgi_decoder *d, struct fcgi_event *ret) {
        int r;

        if (d->p->record.header.n_content > 0)
                return 0;
        r = decoder_check_params(d);
        if (r < 0)
                return r;
        if (r == FCGI_PARAMS_E_MALFORMED) {
                decoder_raise_violation(d, FCGI_VIOLATION_PARAMS_MALFORMED, ret);
                return 0;
        }
        d->head_done = true;
        ret->type = FCGI_EVENT_HEAD;
        return 0;
}

static int decoder_close_body(struct fcgi_decoder *d, struct fcgi_event *ret) {
        if (d->p->record.header.n_content > 0)
                return 0;
        d->body_done = true;
        ret->type = FCGI_EVENT_BODY_END;
        return 0;
}

static int decoder_close_record(struct fcgi_decoder *d, struct fcgi_event *ret) {
        static int (*const close_by_take[])(struct fcgi_decoder *, struct fcgi_event *) = {
                [TAKE_BEGIN] = decoder_close_begin,
                [TAKE_PARAMS] = decoder_close_params,
                [TAKE_BODY] = decoder_close_body,
                [TAKE_VALUES] = decoder_close_values,
        };

        return d->p->take != TAKE_NOTHING ? close_by_take[d->p->take](d, ret) : 0;
}

int fcgi_decoder_step(struct fcgi_decoder *d, const uint8_t *in, size_t n, size_t *ret_used, struct fcgi_event *ret) {
        struct fcgi_private *p = d->p;
        struct fcgi_slice rest = { .data = in, .n = n }, content;
        struct fcgi_event event = { .type = FCGI_EVENT_MORE };
        int r;

        if (p->violation != FCGI_VIOLATION_NONE)
                decoder_raise_violation(d, p->violation, &event);
        while (event.type == FCGI_EVENT_MORE && rest.n > 0) {
                if (fcgi_record_take(&p->record, &rest, &content)) {
                        decoder_take_content(d, &content, &event);
                } else if (fcgi_record_open(&p->record, &rest)) {
                        r = decoder_open_record(d, &event);
                        if (r < 0)
                                return r;
                } else {
                        break; /* inside a header or its padding */
                }
                if (p->record.n_left == 0) {
                        r = decoder_close_record(d, &event);
                        if (r < 0)
                                return r;
                }
        }
        *ret_used = n - rest.n;
        *ret = event;
        return 0;
}
