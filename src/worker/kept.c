/* SPDX-License-Identifier: MIT */
/*
 * The decoder is not asked before a request is there whole, so that up to then the connection is bytes and can go to
 * another process. What has nothing to do with a request (a management record, the rest of a body that no script has
 * read) is dealt with here, without making anybody wait.
 */

#include "worker/kept.h"

#include <assert.h>
#include <string.h>

#include "base/macros.h"
#include "fcgi/answer.h"
#include "fcgi/scan.h"
#include "log/log.h"
#include "log/peer.h"

/* Between two log lines of one worker about the park. */
#define KEPT_COMPLAINT_PAUSE (60 * USEC_PER_SEC)

static_assert(STREAM_BUFFER_SIZE == HANDOVER_BYTES_MAX,
              "what a worker has read fits into a message, and the other way round");
static_assert(TRANSPORT_OUT_SIZE <= HANDOVER_BYTES_MAX, "so does what is left of a reply");

void kept_begin(struct transport *t) {
        uint8_t begun[FCGI_GIVE_BACK_MAX];
        size_t n = fcgi_decoder_give_back(&t->decoder, begun);

        if (n > 0)
                stream_put_back(&t->stream, begun, n);
        t->scan = (struct fcgi_scan){ .at = fcgi_decoder_rest(&t->decoder) };
        t->exchange.whole = false;
        t->begun = 0;
}

/* Bytes in front of the next request that mean nothing: the decoder goes over them. */
static void kept_skip(struct transport *t) {
        struct fcgi_scan *s = &t->scan;
        size_t n = s->in_request ? s->first : MIN(s->at, stream_pending(&t->stream)), used;
        struct fcgi_event event;

        if (n == 0)
                return;
        (void)fcgi_decoder_step(&t->decoder, stream_data(&t->stream), n, &used, &event);
        assert(used == n && event.type == FCGI_EVENT_MORE);
        stream_consume(&t->stream, n);
        s->at -= n;
        s->first = 0;
}

/* The record at which the scan stands. */
static int kept_answer(struct transport *t) {
        struct stream *s = &t->stream;
        size_t n = stream_pending(s);
        struct fcgi_answer answer;
        int r;

        r = fcgi_answer(&t->scan, stream_data(s), n, &t->decoder.limits, &answer);
        if (r == FCGI_ANSWER_E_VIOLATION)
                peer_log_closed(s->fd, LOG_EVENT_PROTOCOL_VIOLATION, "%s",
                                fcgi_decoder_violation_text(answer.violation));
        if (r != 0 || stream_write_now(s, answer.bytes, answer.n, false) != (ssize_t)answer.n || answer.close)
                return KEPT_E_CLOSE; /* a client that does not even read this is not waited for */
        fcgi_scan_remove(&t->scan, s->buf + s->pos, &n);
        s->n = s->pos + n;
        return 0;
}

int kept_look(struct transport *t) {
        if (!transport_allows(t)->keeps)
                return KEPT_E_CLOSE;
        for (;;) {
                size_t n;

                switch (fcgi_scan(&t->scan, stream_data(&t->stream), stream_pending(&t->stream))) {
                case FCGI_SCAN_ANSWER:
                        if (kept_answer(t) != 0)
                                return KEPT_E_CLOSE;
                        if (stream_pending(&t->stream) == 0)
                                t->begun = 0;
                        break;
                case FCGI_SCAN_MORE:
                        kept_skip(t);
                        n = stream_pending(&t->stream);
                        if (n == sizeof(t->stream.buf))
                                return KEPT_E_READY;
                        if (n > 0 && t->begun == 0)
                                t->begun = time_now();
                        return 0;
                default:
                        t->exchange.whole = true;
                        return KEPT_E_READY;
                }
        }
}

static void kept_complain(struct kept *p, const char *why) {
        usec_t now = time_now();

        if (*p->stopping)
                return;
        if (p->complained > 0 && now - p->complained < KEPT_COMPLAINT_PAUSE)
                return;
        p->complained = now;
        log_warning("the park takes no connections (%s): idle ones are closed, and workers wait for the others", why);
}

int kept_hand_over(struct transport *t, uint32_t flags) {
        struct kept *p = t->kept;
        struct handover note = { .flags = flags | (t->stream.shared ? HANDOVER_SHARED : 0U),
                                 .n_out = (uint32_t)(t->exchange.n_out - t->exchange.n_sent),
                                 .begun = t->begun };
        int r;

        if (p->intake < 0)
                return KEPT_E_REFUSED;
        if (flags & HANDOVER_DRAIN)
                note.answered = t->decoder.request_id;
        if (flags & (HANDOVER_KEEP | HANDOVER_DRAIN)) {
                kept_skip(t);
                note.skip = t->scan.in_request ? 0 : (uint32_t)t->scan.at;
                note.n_in = (uint32_t)stream_pending(&t->stream);
        }
        shelf_part(p->shelf); /* first: what a worker that dies has in hand is closed for its client */
        r = handover_send(p->intake, &note,
                          &(struct handover_content){ .connection = t->stream.fd,
                                                      .out = t->exchange.out + t->exchange.n_sent,
                                                      .in = stream_data(&t->stream) });
        if (r != 0) {
                kept_complain(p, r < 0 ? strerror(-r) : "it is too slow");
                return KEPT_E_REFUSED;
        }
        t->stream.n_written += note.n_out;
        t->exchange.n_out = t->exchange.n_sent = 0;
        acceptor_forget(p->acceptor); /* closing it here does not end the watch, as it lives on there: epoll(7) */
        stream_release(&t->stream);
        return 0;
}
