/* SPDX-License-Identifier: MIT */
/*
 * The reply of a request as records. Its bytes gather in one buffer as the content of an open record; a limit, a flush
 * or the end of the reply closes the record and sends. What is larger than the buffer is not copied but sent from where
 * it lies.
 *
 * The limit is php-fpm's first, and doubles with each time it is reached, up to the buffer's size. So a client that
 * waits, or has gone, is met as early as there, and a large reply takes few calls: a script that writes no more has at
 * least half of its output with its client. One that writes slowly is sent for as with php-fpm.
 */

#include "worker/reply.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/macros.h"
#include "fcgi/reply.h"
#include "worker/body.h"
#include "worker/setup.h"

/* What ends a reply: END_REQUEST alone, see fcgi_reply_end_request(). */
#define REPLY_TAIL_MAX FCGI_END_REQUEST_SIZE

/* Record contents are padded to eight bytes, as the spec recommends (section 3.3). */
#define REPLY_ALIGN 8U

/* How long the worker waits for room for the end of a reply: at most, and for any room at all (milliseconds). Handing
 * it over costs about 20 us. */
#define REPLY_LAST_WAIT  (10 * USEC_PER_MSEC)
#define REPLY_LAST_PAUSE 2

/* A script that takes longer than this for a piece as large as the first limit is slow. */
#define REPLY_QUICK USEC_PER_MSEC

/* Closes the open record: its length becomes known, padding goes behind it. */
static void reply_close_record(struct transport *t) {
        size_t n, padding;

        if (!t->exchange.out_type)
                return;
        n = t->exchange.n_out - t->exchange.out_record - FCGI_HEADER_SIZE;
        if (n == 0) {
                t->exchange.n_out = t->exchange.out_record; /* an empty record would end the stream */
        } else {
                padding = -n % REPLY_ALIGN;
                fcgi_record_encode_header(t->exchange.out + t->exchange.out_record,
                                          &(struct fcgi_header){ .type = t->exchange.out_type,
                                                                 .request_id = t->decoder.request_id,
                                                                 .n_content = (uint16_t)n,
                                                                 .n_padding = (uint8_t)padding });
                memset(t->exchange.out + t->exchange.n_out, 0, padding);
                t->exchange.n_out += padding;
        }
        t->exchange.out_type = 0;
}

/* Bytes, waiting for room. A client may make room only when it has sent its whole body: so that is received meanwhile.
 */
static int reply_put_bytes(struct transport *t, struct iovec *iov, size_t n) {
        bool readable;
        int r = STREAM_E_FULL;

        while (r == STREAM_E_FULL && body_may_come(t)) {
                r = stream_write_some(&t->stream, &iov, &n);
                if (r != STREAM_E_FULL)
                        break;
                r = stream_wait_for_room(&t->stream, &readable);
                if (r == 0 && readable)
                        body_take_meanwhile(t);
                if (r == 0)
                        r = transport_allows(t)->sends ? STREAM_E_FULL : -EPIPE;
        }
        if (r == STREAM_E_FULL)
                r = stream_write(&t->stream, iov, n);
        return r < 0 ? transport_fail(t, r) : 0;
}

int reply_send_answers(struct transport *t) {
        while (t->n_answers > 0) {
                uint8_t answers[sizeof(t->answers)];
                struct iovec iov = { .iov_base = answers, .iov_len = t->n_answers };
                int r;

                memcpy(answers, t->answers, t->n_answers);
                t->n_answers = 0; /* more may come to wait */
                r = reply_put_bytes(t, &iov, 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Whole records, or the rest of one. */
static int reply_put(struct transport *t, struct iovec *iov, size_t n) {
        int r = reply_put_bytes(t, iov, n);

        return r < 0 ? r : reply_send_answers(t);
}

int reply_send(struct transport *t) {
        struct iovec iov = { .iov_base = t->exchange.out };
        int r;

        reply_close_record(t);
        if (!transport_allows(t)->sends)
                return -EPIPE;
        if (t->exchange.n_out == 0)
                return 0;
        iov.iov_len = t->exchange.n_out;
        r = reply_put(t, &iov, 1);
        if (r < 0)
                return r;
        t->exchange.n_out = 0;
        return 0;
}

/* Bytes that may still be appended to the buffer as content, keeping room for padding and for the reply's tail. */
static size_t reply_room(const struct transport *t) {
        size_t used = t->exchange.n_out + REPLY_ALIGN + REPLY_TAIL_MAX + (t->exchange.out_type ? 0 : FCGI_HEADER_SIZE);

        return used < sizeof(t->exchange.out) ? sizeof(t->exchange.out) - used : 0;
}

static void reply_open_record(struct transport *t, uint8_t type) {
        if (t->exchange.out_type == type)
                return;
        reply_close_record(t);
        t->exchange.out_record = t->exchange.n_out;
        t->exchange.n_out += FCGI_HEADER_SIZE;
        t->exchange.out_type = type;
}

/* A record of the largest size, from where its bytes lie: header in the buffer behind what waits there, one gathering
 * write. */
static int reply_send_direct(struct transport *t, uint8_t type, const uint8_t *data) {
        size_t n = FCGI_CONTENT_MAX - FCGI_CONTENT_MAX % REPLY_ALIGN;
        struct iovec iov[2];
        int r;

        reply_close_record(t);
        fcgi_record_encode_header(
                t->exchange.out + t->exchange.n_out,
                &(struct fcgi_header){ .type = type, .request_id = t->decoder.request_id, .n_content = (uint16_t)n });
        iov[0] = (struct iovec){ .iov_base = t->exchange.out, .iov_len = t->exchange.n_out + FCGI_HEADER_SIZE };
        iov[1] = (struct iovec){ .iov_base = (void *)data, .iov_len = n };
        r = reply_put(t, iov, ELEMENTSOF(iov));
        if (r < 0)
                return r;
        t->exchange.n_out = 0;
        return (int)n;
}

/* How many bytes may follow those that have gathered before the first limit is met. */
static size_t reply_room_to_limit(const struct transport *t) {
        size_t used = t->exchange.n_out + (t->exchange.out_type ? 0 : FCGI_HEADER_SIZE);

        return used < REPLY_LIMIT_FIRST ? REPLY_LIMIT_FIRST - used : 0;
}

/* The first limit parts what goes beyond it, if less than another such piece is left. What is larger goes in one, and
 * what has gathered before it: where the client has gone, the second one of them tells. In pieces of 8 KiB a block of
 * headers that is too large for HAProxy (2.6) ends that. */
static bool reply_is_large(const struct transport *t, size_t n) {
        return t->exchange.out_limit == REPLY_LIMIT_FIRST && n >= reply_room_to_limit(t) + REPLY_LIMIT_FIRST;
}

static size_t reply_piece(const struct transport *t, size_t n) {
        size_t k = MIN(n, reply_room(t)), first = reply_room_to_limit(t);

        return t->exchange.out_limit == REPLY_LIMIT_FIRST && first > 0 && !reply_is_large(t, n) ? MIN(k, first) : k;
}

static void reply_copy(struct transport *t, uint8_t type, const uint8_t *data, size_t n) {
        reply_open_record(t, type);
        memcpy(t->exchange.out + t->exchange.n_out, data, n);
        t->exchange.n_out += n;
}

static void reply_raise_limit(struct transport *t) {
        t->exchange.out_limit = MIN(2 * t->exchange.out_limit, sizeof(t->exchange.out));
}

/* Whether what has gathered is to go now. Only output is waited for: nginx (1.22) ends a request with much of
 * FCGI_STDERR where a record's header lies over the end of its buffer, so the fewer records there are the better. */
static bool reply_is_due(struct transport *t) {
        usec_t now;

        if (t->exchange.n_out < REPLY_LIMIT_FIRST)
                return false;
        now = time_now();
        if (t->exchange.n_out < t->exchange.out_limit &&
            (t->exchange.out_type != FCGI_STDOUT || now - t->exchange.out_sent < REPLY_QUICK))
                return false;
        reply_raise_limit(t);
        t->exchange.out_sent = now;
        return true;
}

/* What goes without waiting: a client that does not read must not hold the worker before the buffer is full. */
static int reply_send_now(struct transport *t) {
        ssize_t k;

        reply_close_record(t);
        k = stream_write_now(&t->stream, t->exchange.out, t->exchange.n_out, false);
        if (k < 0)
                return transport_fail(t, (int)k);
        t->exchange.n_out -= (size_t)k;
        memmove(t->exchange.out, t->exchange.out + k, t->exchange.n_out);
        return 0;
}

/* Some of the bytes: how many, or -errno. */
static int reply_gather(struct transport *t, uint8_t type, const uint8_t *data, size_t n) {
        size_t k;
        int r = 0;

        if (t->exchange.out_type != type)
                reply_close_record(t);
        if (t->exchange.n_out > 0 && reply_is_large(t, n)) {
                reply_raise_limit(t);
                r = reply_send_now(t);
                if (r < 0)
                        return r;
        }
        k = reply_piece(t, n);
        if (k > 0)
                reply_copy(t, type, data, k);
        if (k < n && reply_room(t) == 0)
                r = reply_send(t);
        else if (reply_is_due(t))
                r = reply_send_now(t);
        return r < 0 ? r : (int)k;
}

int reply_append(struct transport *t, uint8_t type, const uint8_t *data, size_t n) {
        if (setup_is_copy())
                return 0; /* its output would get between the records of the worker's */
        while (n > 0) {
                int k;

                if (!transport_allows(t)->sends || !transport_exchange_allows(t)->replies)
                        return -EPIPE;
                k = n >= FCGI_CONTENT_MAX ? reply_send_direct(t, type, data) : reply_gather(t, type, data, n);
                if (k < 0)
                        return k;
                data += k;
                n -= (size_t)k;
        }
        return 0;
}

void reply_end(struct transport *t, uint32_t app_status) {
        reply_close_record(t);
        fcgi_reply_end_request(t->exchange.out + t->exchange.n_out, t->decoder.request_id, app_status,
                               FCGI_REQUEST_COMPLETE);
        t->exchange.n_out += FCGI_END_REQUEST_SIZE;
}

int reply_send_last(struct transport *t, bool closes) {
        usec_t until = 0;

        for (;;) {
                struct pollfd p = { .fd = t->stream.fd, .events = POLLOUT };
                ssize_t k = stream_write_now(&t->stream, t->exchange.out + t->exchange.n_sent,
                                             t->exchange.n_out - t->exchange.n_sent, closes);

                if (k < 0)
                        return transport_fail(t, (int)k);
                t->exchange.n_sent += (size_t)k;
                if (t->exchange.n_sent == t->exchange.n_out)
                        break;
                if (until == 0)
                        until = time_now() + REPLY_LAST_WAIT;
                if (time_now() >= until || poll(&p, 1, REPLY_LAST_PAUSE) == 0)
                        return 0;
        }
        t->exchange.n_out = t->exchange.n_sent = 0;
        return 0;
}

int reply_send_rest(struct transport *t) {
        struct iovec iov = { .iov_base = t->exchange.out + t->exchange.n_sent,
                             .iov_len = t->exchange.n_out - t->exchange.n_sent };
        int r;

        if (iov.iov_len == 0)
                return 0;
        r = reply_put(t, &iov, 1);
        t->exchange.n_out = t->exchange.n_sent = 0;
        return r;
}
