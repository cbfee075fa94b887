/* SPDX-License-Identifier: MIT */
/*
 * From a request's head to the end of its reply, and what becomes of the connection then: it is kept, closed, or goes
 * to the park, which waits for its client.
 */

#include "worker/exchange.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "conn/accept.h"
#include "conn/handover.h"
#include "sapi/sapi.h"
#include "worker/access.h"
#include "worker/body.h"
#include "worker/disconnect.h"
#include "worker/input.h"
#include "worker/kept.h"
#include "worker/reply.h"
#include "worker/setup.h"
#include "worker/track.h"

/* A client that never stops sending, and does not read, is not listened to for longer. */
#define EXCHANGE_DROP_MAX (30 * USEC_PER_SEC)

/* How long the worker receives a body that nobody reads, before the end of the reply: at most, and for its next bytes
 * (milliseconds). The park goes on with it. */
#define EXCHANGE_DRAIN_MAX   (10 * USEC_PER_MSEC)
#define EXCHANGE_DRAIN_PAUSE 2

/* What is left of the time for this request's bytes. */
static usec_t exchange_time_left(const struct transport *t) {
        usec_t since;

        if (t->receive_timeout == 0)
                return USEC_INFINITY;
        since = t->begun > 0 ? time_now() - t->begun : 0;
        return t->receive_timeout - MIN(since, t->receive_timeout);
}

static void exchange_reset_request(struct transport *t) {
        body_reset(t);
        t->exchange.phase = EXCHANGE_OPEN;
        t->exchange.waited = false;
        t->exchange.n_out = t->exchange.n_sent = 0;
        t->exchange.out_type = 0;
        t->exchange.out_limit = REPLY_LIMIT_FIRST;
        t->stream.n_written = 0;
        t->stream.time_left = exchange_time_left(t);
}

/* Nothing is on its way from the client that closing would answer with a reset. What it should not have sent is looked
 * for where that costs the reply, as the end of that leaves with the close (stream_write_now()). */
static bool exchange_is_quiet(struct transport *t) {
        char byte;

        if (transport_allows(t)->quiet)
                return true;
        return stream_pending(&t->stream) == 0 && (t->decoder.in_request ? t->decoder.body_done : t->scan.at == 0) &&
               !(t->unread_resets && stream_peek(&t->stream, &byte, 1) > 0);
}

void exchange_close(struct transport *t) {
        if (t->stream.fd < 0)
                return;
        /* closing it does not end the watch while somebody else has it, a copy that PHP has forked */
        acceptor_forget(t->kept->acceptor);
        shelf_part(t->kept->shelf);
        input_drop(t);
        if (exchange_is_quiet(t))
                stream_close(&t->stream);
        else if (kept_hand_over(t, HANDOVER_LINGER) != 0) {
                t->exchange.waited = true;
                stream_close_lingering(&t->stream);
        }
}

/* Its first byte has another limit than the rest of a request. The worker itself waits for it only when the park takes
 * no connections. */
static usec_t exchange_silence(const struct transport *t) {
        return stream_pending(&t->stream) > 0 ? t->rest_timeout : t->first_byte_timeout;
}

int exchange_read_head(struct transport *t) {
        exchange_reset_request(t);
        t->stream.silence = exchange_silence(t);
        for (;;) {
                struct fcgi_event event;
                int r = input_next(t, false, &event);

                if (r == TRANSPORT_E_ANSWER)
                        continue;
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        return EXCHANGE_E_CLOSED;
                t->stream.silence = t->rest_timeout;
                if (event.type == FCGI_EVENT_HEAD)
                        return 0;
                if (event.type == FCGI_EVENT_ABORT)
                        return EXCHANGE_E_ABORTED;
        }
}

static int exchange_write_reply(void *ctx, const void *buf, size_t n) {
        return reply_append(ctx, FCGI_STDOUT, buf, n);
}

static int exchange_write_error(void *ctx, const void *buf, size_t n) {
        return reply_append(ctx, FCGI_STDERR, buf, n);
}

/* Whether the next record is the peer's ABORT_REQUEST for the request in hand. It is looked at, not taken: anything
 * else is of the next request, which is not to be decoded before this one has ended. */
static bool exchange_abort_is_next(struct transport *t) {
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

/* Nothing more comes, and nothing more is wanted: the end of STDIN alone may be missing. */
static bool exchange_has_all(const struct transport *t) {
        return transport_allows(t)->sends && (t->scan.no_body || sapi_body_left() <= spool_pending(&t->exchange.spool));
}

/* The peer may have aborted while the script ran: look without waiting, but leave body bytes that PHP has not read
 * where they are. A peer that has closed only its sending side still waits for the reply. */
static int exchange_look_for_abort(struct transport *t) {
        if (stream_is_dead(&t->stream))
                return transport_fail(t, -ECONNRESET);
        while (t->exchange.n_body == 0 && !t->decoder.aborted && (!t->decoder.body_done || exchange_abort_is_next(t))) {
                struct fcgi_event event;
                int r = input_next(t, true, &event);

                if (r == STREAM_E_EMPTY || (r < 0 && exchange_has_all(t)))
                        break;
                if (r == TRANSPORT_E_ANSWER)
                        continue;
                if (r < 0)
                        return transport_fail(t, -ECONNRESET);
                if (event.type == FCGI_EVENT_BODY) {
                        t->exchange.body = event.data;
                        t->exchange.n_body = event.n;
                }
        }
        return t->decoder.aborted ? -ECONNABORTED : 0;
}

static int exchange_flush(void *ctx) {
        struct transport *t = ctx;
        int r;

        if (!transport_exchange_allows(t)->replies || setup_is_copy())
                return 0;
        r = reply_send(t);
        return r < 0 ? r : exchange_look_for_abort(t);
}

static bool exchange_may_keep(const struct transport *t) {
        return t->decoder.keep_conn && transport_allows(t)->keeps;
}

/* What the park is to do with it. */
static uint32_t exchange_flags(const struct transport *t, bool keep) {
        uint32_t flags = keep ? HANDOVER_KEEP : 0;

        if (!keep && !t->decoder.body_done)
                flags |= HANDOVER_LINGER;
        if (t->exchange.n_out > 0 && body_is_open(t))
                flags |= HANDOVER_BODY | HANDOVER_DRAIN | (t->stream.n_written > 0 ? HANDOVER_BEGUN : 0U);
        return flags;
}

/* The reply is made. The connection goes on its way when it has still to wait for its client, or when PHP goes on: its
 * next request would wait for this worker, beside idle ones. */
static int exchange_release(struct transport *t, bool php_goes_on) {
        bool keep = exchange_may_keep(t);
        int r;

        if (keep && t->exchange.n_out == 0 && !php_goes_on)
                return 0;
        if (keep || t->exchange.n_out > 0) {
                uint32_t flags = exchange_flags(t, keep);

                if (flags & (HANDOVER_KEEP | HANDOVER_DRAIN))
                        kept_begin(t);
                if (kept_hand_over(t, flags) == 0) {
                        transport_on(t, PHASES_EVENT_CLOSE);
                        return 0;
                }
        }
        r = reply_send_rest(t);
        if (!keep || php_goes_on) {
                exchange_close(t);
                transport_on(t, PHASES_EVENT_CLOSE);
        }
        return r;
}

/*
 * A reply that is made before its request has ended waits for the end of STDIN, as php-fpm's does. HAProxy (2.6) that
 * gets END_REQUEST earlier sends no more of the body and no end of the response, so that its client waits for a
 * time-out; nginx that gets a part of the reply sends no more of the body, and waits for END_REQUEST. A silent client
 * is not waited for. True: it has not ended, and the park is to see to it.
 */
static bool exchange_drain(struct transport *t) {
        struct pollfd p = { .fd = t->stream.fd, .events = POLLIN };
        usec_t until;

        if (!body_is_open(t))
                return false;
        until = time_now() + EXCHANGE_DRAIN_MAX;
        do
                input_drop(t);
        while (body_is_open(t) && time_now() < until && poll(&p, 1, EXCHANGE_DRAIN_PAUSE) > 0);
        return body_is_open(t);
}

static int exchange_end_reply(struct transport *t, uint32_t app_status) {
        bool drains = exchange_drain(t);

        if (!transport_allows(t)->sends)
                return -EPIPE;
        reply_end(t, app_status);
        return drains ? 0 : reply_send_last(t, !exchange_may_keep(t));
}

static int exchange_finish(void *ctx, uint32_t app_status, bool php_goes_on) {
        struct transport *t = ctx;
        int r = -EPIPE;

        if (setup_is_copy())
                _exit((int)app_status);
        if (!transport_exchange_allows(t)->replies)
                return 0;
        disconnect_forget();
        access_reply_ends(t->access, php_goes_on);
        if (transport_allows(t)->sends)
                r = exchange_end_reply(t, app_status);
        t->exchange.phase = EXCHANGE_REPLIED;
        if (t->exchange.n_out > 0)
                t->exchange.drop_until = time_now() + EXCHANGE_DROP_MAX;
        track_stage(t->track, STAGE_END);
        return MIN(r, exchange_release(t, php_goes_on));
}

bool exchange_end_request(struct transport *t, uint32_t app_status) {
        bool keep;

        exchange_finish(t, app_status, false);
        keep = exchange_may_keep(t);
        spool_clear(&t->exchange.spool);
        fcgi_decoder_end_request(&t->decoder);
        if (keep)
                kept_begin(t);
        return keep;
}

static void exchange_executing(void *ctx, const char *script, const char *auth_user) {
        struct transport *t = ctx;

        disconnect_watch(t->stream.fd);
        track_executing(t->track, script, auth_user);
}

static bool exchange_is_gone(void *ctx) {
        const struct transport *t = ctx;

        return transport_exchange_allows(t)->replies && stream_is_dead(&t->stream);
}

const struct sapi_io exchange_io = {
        .read_body = input_read,
        .keep_body = input_keep,
        .write_reply = exchange_write_reply,
        .write_error = exchange_write_error,
        .flush = exchange_flush,
        .finish = exchange_finish,
        .is_gone = exchange_is_gone,
        .executing = exchange_executing,
};
