/* SPDX-License-Identifier: MIT */
/* It is what a decoder says that has heard no more of the connection than the request's BEGIN, so there is one place
 * that knows what such records get. */

#include "fcgi/answer.h"

#include <assert.h>
#include <string.h>

/* Neither of these records takes memory. */
static void answer_step(struct fcgi_decoder *d, const uint8_t *in, size_t n, struct fcgi_event *ret) {
        size_t used;
        int r;

        r = fcgi_decoder_step(d, in, n, &used, ret);
        assert(r == 0);
}

/* And the padding behind it. */
static void answer_hear_begin(struct fcgi_decoder *d, const uint8_t *begin) {
        struct fcgi_event event;
        struct fcgi_header h;

        fcgi_record_decode_header(begin, &h);
        answer_step(d, begin, FCGI_HEADER_SIZE + FCGI_BODY_SIZE, &event);
        answer_step(d, begin + FCGI_HEADER_SIZE + FCGI_BODY_SIZE, h.n_padding, &event);
}

int fcgi_answer(const struct fcgi_scan *s, const uint8_t *buf, size_t n, const struct fcgi_limits *limits,
                struct fcgi_answer *ret) {
        struct fcgi_event event;
        struct fcgi_decoder d;
        int r;

        r = fcgi_decoder_init(&d, limits);
        if (r < 0)
                return r;
        if (s->in_request)
                answer_hear_begin(&d, buf + s->first);
        answer_step(&d, buf + s->at, n - s->at, &event);
        assert(event.type == FCGI_EVENT_REPLY || event.type == FCGI_EVENT_VIOLATION);
        *ret = (struct fcgi_answer){ .n = event.n_reply, .close = event.close, .violation = event.violation };
        if (event.type == FCGI_EVENT_REPLY)
                memcpy(ret->bytes, event.reply, event.n_reply);
        fcgi_decoder_done(&d);
        return event.type == FCGI_EVENT_VIOLATION ? FCGI_ANSWER_E_VIOLATION : 0;
}
