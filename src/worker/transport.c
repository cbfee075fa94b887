/* SPDX-License-Identifier: MIT */
/* What comes in, up to the decoder's events; what becomes of them is decided in the files above. */

#include "worker/transport.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "log/peer.h"

int transport_init(struct transport *t, const struct transport_setup *setup) {
        int r;

        t->stream.fd = -1;
        spool_init(&t->exchange.spool);
        t->track = setup->track;
        t->access = setup->access;
        t->kept = setup->kept;
        r = fcgi_decoder_init(&t->decoder, &setup->limits);
        t->decoder.index = &t->params;
        return r;
}

void transport_open(struct transport *t, int fd, usec_t begun) {
        stream_open(&t->stream, fd);
        t->begun = begun;
        t->phase = CONNECTION_OPEN;
        t->exchange.whole = false;
        t->scan = (struct fcgi_scan){};
        fcgi_decoder_reset(&t->decoder);
}

/* The peer let the worker wait for too long: for room for the reply, or for bytes of its request. */
static void transport_time_out(struct transport *t, bool reply) {
        if (t->phase == CONNECTION_SILENT)
                return;
        transport_on(t, PHASES_EVENT_SILENCE);
        if (t->stream.time_left == 0)
                peer_log_receive_timeout(t->stream.fd, t->receive_timeout);
        else
                peer_log_silent(t->stream.fd, reply, reply ? t->stream.stall : t->stream.silence);
}

int transport_fail(struct transport *t, int r) {
        if (r == -ETIMEDOUT)
                transport_time_out(t, true);
        transport_on(t, PHASES_EVENT_FAILURE);
        t->exchange.n_out = t->exchange.n_sent = t->n_answers = 0;
        t->exchange.out_type = 0;
        return r;
}

/* An answer that the decoder has made waits until it can go out: between two records of the reply. There is room for
 * it, see body_may_come(). */
static void transport_keep_answer(struct transport *t, const struct fcgi_event *event) {
        if (event->close)
                transport_on(t, PHASES_EVENT_CLOSE);
        assert(event->n_reply <= sizeof(t->answers) - t->n_answers);
        memcpy(t->answers + t->n_answers, event->reply, event->n_reply);
        t->n_answers += event->n_reply;
}

int transport_next(struct transport *t, bool dont_wait, struct fcgi_event *ret) {
        for (;;) {
                size_t used;
                int r;

                if (!transport_allows(t)->sends)
                        return -EPIPE;
                if (stream_pending(&t->stream) == 0) {
                        if (!transport_allows(t)->receives)
                                return -ECONNRESET;
                        if (!dont_wait)
                                t->exchange.waited = true;
                        r = stream_fill(&t->stream, dont_wait);
                        if (r == STREAM_E_EMPTY)
                                return r;
                        if (r == STREAM_E_END) {
                                transport_on(t, PHASES_EVENT_END);
                                return -ECONNRESET;
                        }
                        if (r == -ETIMEDOUT)
                                transport_time_out(t, false);
                        if (r < 0)
                                return transport_fail(t, r);
                }
                r = fcgi_decoder_step(&t->decoder, stream_data(&t->stream), stream_pending(&t->stream), &used, ret);
                if (r < 0)
                        return transport_fail(t, r);
                stream_consume(&t->stream, used);

                switch (ret->type) {
                case FCGI_EVENT_MORE:
                        break;
                case FCGI_EVENT_REPLY:
                        transport_keep_answer(t, ret);
                        return TRANSPORT_E_ANSWER;
                case FCGI_EVENT_VIOLATION:
                        peer_log_closed(t->stream.fd, LOG_EVENT_PROTOCOL_VIOLATION, "%s",
                                        fcgi_decoder_violation_text(ret->violation));
                        return transport_fail(t, -EPROTO);
                default:
                        return 0;
                }
        }
}
