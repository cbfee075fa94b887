/* SPDX-License-Identifier: MIT */
/* One connection of a worker: a request's bytes in through the decoder, and who gets the connection when its reply is
 * made; see transport.h. */

#include "worker/transport.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "conn/handover.h"
#include "log/peer.h"
#include "worker/body.h"
#include "worker/parking.h"
#include "worker/reply.h"
#include "worker/setup.h"

/* A client that never stops sending, and does not read, is not listened to for longer. */
#define TRANSPORT_DROP_MAX (30 * USEC_PER_SEC)

/* How long the worker receives a body that nobody reads, before the end of the reply: at most, and for its next bytes
 * (milliseconds). The park goes on with it. */
#define TRANSPORT_DRAIN_MAX   (10 * USEC_PER_MSEC)
#define TRANSPORT_DRAIN_PAUSE 2

int transport_init(struct transport *t, struct track *track, struct access *access, struct parking *parking,
                   const struct fcgi_limits *limits) {
        t->stream.fd = -1;
        spool_init(&t->spool);
        t->track = track;
        t->access = access;
        t->parking = parking;
        return fcgi_decoder_init(&t->decoder, limits);
}

void transport_done(struct transport *t) {
        transport_close(t);
        spool_clear(&t->spool);
        fcgi_decoder_done(&t->decoder);
}

/* What is left of the time for this request's bytes. */
static usec_t transport_patience(const struct transport *t) {
        usec_t since;

        if (t->receive_timeout == 0)
                return USEC_INFINITY;
        since = t->begun > 0 ? time_now() - t->begun : 0;
        return t->receive_timeout - MIN(since, t->receive_timeout);
}

static void transport_reset_request(struct transport *t) {
        body_reset(t);
        t->finished = t->waited = false;
        t->n_out = t->n_sent = 0;
        t->out_type = 0;
        t->stream.n_written = 0;
        t->stream.patience = transport_patience(t);
}

void transport_open(struct transport *t, int fd, usec_t begun) {
        stream_open(&t->stream, fd);
        t->begun = begun;
        t->end_of_stream = t->broken = t->must_close = t->timed_out = t->whole = false;
        t->scan = (struct fcgi_scan){};
        fcgi_decoder_reset(&t->decoder);
}

/* The peer let the worker wait for too long: for room for the reply, or for bytes of its request. */
static void transport_time_out(struct transport *t, bool reply) {
        if (t->timed_out)
                return;
        t->timed_out = true;
        if (t->stream.patience == 0)
                peer_log_receive_timeout(t->stream.fd, t->receive_timeout);
        else
                peer_log_silent(t->stream.fd, reply, reply ? t->stream.stall : t->stream.silence);
}

int transport_fail(struct transport *t, int r) {
        if (r == -ETIMEDOUT)
                transport_time_out(t, true);
        t->broken = true;
        t->n_out = t->n_sent = t->n_answers = 0;
        t->out_type = 0;
        return r;
}

int transport_write(struct transport *t, const void *data, size_t n) {
        return reply_append(t, FCGI_STDOUT, data, n);
}

/* An answer the decoder has made goes out between records. body_may_come() has seen to the room for one that waits. */
static int transport_answer(struct transport *t, const struct fcgi_event *event) {
        int r;

        if (event->close)
                t->must_close = true;
        assert(event->n_reply <= sizeof(t->answers) - t->n_answers);
        memcpy(t->answers + t->n_answers, event->reply, event->n_reply);
        t->n_answers += event->n_reply;
        if (t->mid_record)
                return TRANSPORT_E_ANSWERED; /* whether there is room for one more is to be asked first */
        r = reply_send(t);
        if (r == 0)
                r = reply_send_answers(t);
        return r < 0 ? r : TRANSPORT_E_ANSWERED;
}

int transport_next(struct transport *t, bool dont_wait, struct fcgi_event *ret) {
        for (;;) {
                size_t used;
                int r;

                if (t->broken)
                        return -EPIPE;
                if (stream_pending(&t->stream) == 0) {
                        if (t->end_of_stream)
                                return -ECONNRESET;
                        if (!dont_wait)
                                t->waited = true;
                        r = stream_fill(&t->stream, dont_wait);
                        if (r == STREAM_E_EMPTY)
                                return r;
                        if (r == STREAM_E_END) {
                                t->end_of_stream = true;
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
                        r = transport_answer(t, ret);
                        if (r >= 0 && t->must_close && !t->decoder.in_request)
                                return -ECONNRESET;
                        return r;
                case FCGI_EVENT_VIOLATION:
                        peer_log_closed(t->stream.fd, LOG_EVENT_PROTOCOL_VIOLATION, "%s",
                                        fcgi_decoder_violation_text(ret->violation));
                        return transport_fail(t, -EPROTO);
                default:
                        return 0;
                }
        }
}

/* Nothing is on its way from the client that closing would answer with a reset. What it should not have sent is looked
 * for where that costs the reply, as the end of that leaves with the close (stream_write_now()). */
static bool transport_is_quiet(struct transport *t) {
        char byte;

        if (t->end_of_stream || t->timed_out)
                return true;
        return stream_pending(&t->stream) == 0 && (t->decoder.in_request ? t->decoder.body_done : t->scan.at == 0) &&
               !(t->unread_resets && stream_peek(&t->stream, &byte, 1) > 0);
}

void transport_close(struct transport *t) {
        if (t->stream.fd < 0)
                return;
        /* closing it does not end the watch while somebody else has it, a copy that PHP has forked */
        acceptor_forget(t->parking->acceptor);
        body_drop(t);
        if (transport_is_quiet(t))
                stream_close(&t->stream);
        else if (parking_hand_over(t, HANDOVER_LINGER) != 0) {
                t->waited = true;
                stream_close_lingering(&t->stream);
        }
}

int transport_read_head(struct transport *t) {
        transport_reset_request(t);
        for (;;) {
                struct fcgi_event event;
                int r = transport_next(t, false, &event);

                if (r == TRANSPORT_E_ANSWERED)
                        continue;
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        return TRANSPORT_E_CLOSED;
                if (event.type == FCGI_EVENT_HEAD)
                        return 0;
                if (event.type == FCGI_EVENT_ABORT)
                        return TRANSPORT_E_ABORTED;
        }
}

static int transport_write_reply(void *ctx, const void *buf, size_t n) {
        return reply_append(ctx, FCGI_STDOUT, buf, n);
}

static int transport_write_error(void *ctx, const void *buf, size_t n) {
        return reply_append(ctx, FCGI_STDERR, buf, n);
}

/* Whether the next record is the peer's ABORT_REQUEST for the request in hand. It is looked at, not taken: anything
 * else is of the next request, which is not to be decoded before this one has ended. */
static bool transport_abort_is_next(struct transport *t) {
        struct fcgi_header h;
        uint8_t bytes[FCGI_HEADER_SIZE];

        if (!fcgi_decoder_between_records(&t->decoder))
                return false; /* padding of the last one is still on its way */
        if (stream_pending(&t->stream) >= sizeof(bytes))
                memcpy(bytes, stream_data(&t->stream), sizeof(bytes));
        else if (stream_pending(&t->stream) > 0 || stream_peek(&t->stream, bytes, sizeof(bytes)) != sizeof(bytes))
                return false;
        fcgi_record_decode_header(bytes, &h);
        return h.type == FCGI_ABORT_REQUEST && h.request_id == t->decoder.request_id;
}

/* The peer may have aborted while the script ran: look without waiting, but leave body bytes that PHP has not read
 * where they are. A peer that has closed only its sending side still waits for the reply. */
static int transport_look_for_abort(struct transport *t) {
        if (stream_is_dead(&t->stream))
                return transport_fail(t, -ECONNRESET);
        while (t->n_body == 0 && !t->decoder.aborted && (!t->decoder.body_done || transport_abort_is_next(t))) {
                struct fcgi_event event;
                int r = transport_next(t, true, &event);

                if (r == STREAM_E_EMPTY)
                        break;
                if (r == TRANSPORT_E_ANSWERED)
                        continue;
                if (r < 0)
                        return transport_fail(t, -ECONNRESET);
                if (event.type == FCGI_EVENT_BODY) {
                        t->body = event.data;
                        t->n_body = event.n;
                }
        }
        return t->decoder.aborted ? -ECONNABORTED : 0;
}

static int transport_flush(void *ctx) {
        struct transport *t = ctx;
        int r;

        if (t->finished || setup_is_copy())
                return 0;
        r = reply_send(t);
        return r < 0 ? r : transport_look_for_abort(t);
}

static bool transport_may_keep(const struct transport *t) {
        return t->decoder.keep_conn && !t->broken && !t->must_close && !t->end_of_stream;
}

/* What the park is to do with it. */
static uint32_t transport_flags(const struct transport *t, bool keep) {
        uint32_t flags = keep ? HANDOVER_KEEP : 0;

        if (!keep && !t->decoder.body_done)
                flags |= HANDOVER_LINGER;
        if (t->n_out > 0 && body_is_open(t))
                flags |= HANDOVER_BODY | HANDOVER_DRAIN | (t->stream.n_written > 0 ? HANDOVER_BEGUN : 0U);
        return flags;
}

/* The reply is made. The connection goes on its way when it has still to wait for its client, or when PHP goes on: its
 * next request would wait for this worker, beside idle ones. */
static int transport_release(struct transport *t, bool php_goes_on) {
        bool keep = transport_may_keep(t);
        int r;

        if (keep && t->n_out == 0 && !php_goes_on)
                return 0;
        if (keep || t->n_out > 0) {
                uint32_t flags = transport_flags(t, keep);

                if (flags & (HANDOVER_KEEP | HANDOVER_DRAIN))
                        parking_begin(t);
                if (parking_hand_over(t, flags) == 0) {
                        t->must_close = true;
                        return 0;
                }
        }
        r = reply_send_rest(t);
        if (!keep || php_goes_on) {
                transport_close(t);
                t->must_close = true;
        }
        return r;
}

/*
 * A reply that is made before its request has ended waits for the end of STDIN, as php-fpm's does. HAProxy (2.6) that
 * gets END_REQUEST earlier sends no more of the body and no end of the response, so that its client waits for a
 * time-out; nginx that gets a part of the reply sends no more of the body, and waits for END_REQUEST. Who is silent is
 * not waited for. True: it has not ended, and the park is to see to it.
 */
static bool transport_drain(struct transport *t) {
        struct pollfd p = { .fd = t->stream.fd, .events = POLLIN };
        usec_t until;

        if (!body_is_open(t))
                return false;
        until = time_now() + TRANSPORT_DRAIN_MAX;
        do
                body_drop(t);
        while (body_is_open(t) && time_now() < until && poll(&p, 1, TRANSPORT_DRAIN_PAUSE) > 0);
        return body_is_open(t);
}

static int transport_end_reply(struct transport *t, uint32_t app_status) {
        bool drains = transport_drain(t);

        if (t->broken)
                return -EPIPE;
        reply_end(t, app_status);
        return drains ? 0 : reply_send_last(t, !transport_may_keep(t));
}

static int transport_finish(void *ctx, uint32_t app_status, bool php_goes_on) {
        struct transport *t = ctx;
        int r = -EPIPE;

        if (setup_is_copy())
                _exit((int)app_status);
        if (t->finished)
                return 0;
        access_reply_ends(t->access, t, php_goes_on);
        if (!t->broken)
                r = transport_end_reply(t, app_status);
        t->finished = true;
        t->body_stays = false; /* what comes of it now is thrown away */
        if (t->n_out > 0)
                t->drop_until = time_now() + TRANSPORT_DROP_MAX;
        track_stage(t->track, STAGE_END);
        return MIN(r, transport_release(t, php_goes_on));
}

bool transport_end_request(struct transport *t, uint32_t app_status) {
        bool keep;

        transport_finish(t, app_status, false);
        keep = transport_may_keep(t);
        spool_clear(&t->spool);
        fcgi_decoder_end_request(&t->decoder);
        if (keep)
                parking_begin(t);
        return keep;
}

static void transport_executing(void *ctx, const char *script, const char *auth_user) {
        struct transport *t = ctx;

        track_executing(t->track, script, auth_user);
}

const struct sapi_io transport_io = {
        .read_body = body_read,
        .keep_body = body_keep,
        .write_reply = transport_write_reply,
        .write_error = transport_write_error,
        .flush = transport_flush,
        .finish = transport_finish,
        .executing = transport_executing,
};
