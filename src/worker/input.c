/* SPDX-License-Identifier: MIT */
#include "worker/input.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "sapi/sapi.h"
#include "worker/body.h"
#include "worker/reply.h"
#include "worker/setup.h"

int input_next(struct transport *t, bool dont_wait, struct fcgi_event *ret) {
        int r = transport_next(t, dont_wait, ret);

        if (r != TRANSPORT_E_ANSWER)
                return r;
        r = reply_send(t);
        if (r == 0)
                r = reply_send_answers(t);
        if (r == 0 && !transport_allows(t)->keeps && !t->decoder.in_request)
                return -ECONNRESET;
        return r < 0 ? r : TRANSPORT_E_ANSWER;
}

/* One event. 0: look again, there may be a slice of the body, or an end, or something in the spool; STREAM_E_EMPTY when
 * dont_wait; or -errno as input_next(). */
static int input_body(struct transport *t, bool dont_wait) {
        struct fcgi_event event = {};
        int r = input_next(t, dont_wait, &event);

        if (r == 0)
                body_receive(t, &event);
        if (r < 0 && t->scan.no_body && transport_allows(t)->sends)
                return STREAM_E_EMPTY; /* its client has closed its sending side, and nothing is missing */
        return r == TRANSPORT_E_ANSWER ? 0 : r;
}

ssize_t input_read(void *ctx, void *buf, size_t n) {
        struct transport *t = ctx;

        for (;;) {
                ssize_t k = spool_take(&t->exchange.spool, buf, n);
                int r;

                if (k != 0 || !transport_exchange_allows(t)->replies)
                        return k;
                if (t->exchange.n_body > 0) {
                        n = MIN(n, t->exchange.n_body);
                        memcpy(buf, t->exchange.body, n);
                        return (ssize_t)body_consume(t, n);
                }
                if (body_is_over(t))
                        return t->decoder.aborted ? -ECONNABORTED : 0;
                r = input_body(t, t->scan.no_body); /* the end of what is empty is not waited for */
                if (r != 0)
                        return MIN(r, 0);
        }
}

/* The same for a caller that waits. What there is of the reply goes out before. */
static int input_wait(struct transport *t) {
        int r = input_body(t, true);

        if (r != STREAM_E_EMPTY || t->scan.no_body)
                return r;
        return t->exchange.n_out > 0 ? reply_send(t) : input_body(t, false);
}

int input_keep(void *ctx, uint64_t n) {
        struct transport *t = ctx;

        if (setup_is_copy())
                return 0;
        if (n == 0)
                spool_clear(&t->exchange.spool);
        while (spool_pending(&t->exchange.spool) < n && transport_exchange_allows(t)->replies) {
                size_t k = (size_t)MIN(n - spool_pending(&t->exchange.spool), (uint64_t)t->exchange.n_body);
                int r;

                if (k == 0 && body_is_over(t))
                        return t->decoder.aborted ? -ECONNABORTED : 0;
                r = k > 0 ? spool_add(&t->exchange.spool, t->exchange.body, k, sapi_body_folder()) : input_wait(t);
                if (r != 0)
                        return MIN(r, 0);
                body_consume(t, k);
        }
        return 0;
}

void input_drop(struct transport *t) {
        do
                t->exchange.n_body = 0;
        while (t->decoder.in_request && !t->decoder.body_done && transport_allows(t)->sends &&
               input_body(t, true) == 0);
}
