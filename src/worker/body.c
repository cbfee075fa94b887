/* SPDX-License-Identifier: MIT */
/* See body.h. */

#include "worker/body.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "worker/reply.h"
#include "worker/setup.h"

void body_reset(struct transport *t) {
        spool_clear(&t->spool);
        t->body = NULL;
        t->n_body = 0;
        t->body_stays = false;
}

static size_t body_consume(struct transport *t, size_t n) {
        if (n > 0)
                t->body += n;
        t->n_body -= n;
        return n;
}

static bool body_is_over(const struct transport *t) {
        return t->decoder.body_done || t->decoder.aborted;
}

/* One event. 0: look again, there may be a slice of it, or an end, or something in the spool; STREAM_E_EMPTY when
 * dont_wait; or -errno as transport_next(). */
static int body_next(struct transport *t, bool dont_wait) {
        struct fcgi_event event = {};
        int r = transport_next(t, dont_wait, &event);

        if (r == TRANSPORT_E_ANSWERED)
                return 0;
        if (r == 0 && event.type == FCGI_EVENT_BODY) {
                t->body = event.data;
                t->n_body = event.n;
        }
        return r;
}

ssize_t body_read(void *ctx, void *buf, size_t n) {
        struct transport *t = ctx;

        for (;;) {
                ssize_t k = spool_take(&t->spool, buf, n);
                int r;

                if (k != 0 || t->finished)
                        return k;
                if (t->n_body > 0) {
                        n = MIN(n, t->n_body);
                        memcpy(buf, t->body, n);
                        return (ssize_t)body_consume(t, n);
                }
                if (body_is_over(t))
                        return t->decoder.aborted ? -ECONNABORTED : 0;
                r = body_next(t, t->scan.no_body); /* the end of what is empty is not waited for */
                if (r != 0)
                        return MIN(r, 0);
        }
}

/* body_next() for who waits. What there is of the reply goes out before. */
static int body_wait(struct transport *t) {
        int r = body_next(t, true);

        if (r != STREAM_E_EMPTY || t->scan.no_body)
                return r;
        return t->n_out > 0 ? reply_send(t) : body_next(t, false);
}

int body_keep(void *ctx, uint64_t n) {
        struct transport *t = ctx;

        if (setup_is_copy())
                return 0;
        if (n == 0)
                spool_clear(&t->spool);
        while (spool_pending(&t->spool) < n && !t->finished) {
                size_t k = (size_t)MIN(n - spool_pending(&t->spool), (uint64_t)t->n_body);
                int r;

                if (k == 0 && body_is_over(t))
                        return t->decoder.aborted ? -ECONNABORTED : 0;
                r = k > 0 ? spool_add(&t->spool, t->body, k, sapi_body_folder()) : body_wait(t);
                if (r != 0)
                        return MIN(r, 0);
                body_consume(t, k);
        }
        return 0;
}

bool body_is_open(const struct transport *t) {
        return t->decoder.in_request && !t->whole && !body_is_over(t) && !t->end_of_stream && !t->broken;
}

bool body_may_come(const struct transport *t) {
        return body_is_open(t) && !t->body_stays && (!t->finished || time_now() < t->drop_until) &&
               sizeof(t->answers) - t->n_answers >= FCGI_VALUES_RESULT_MAX;
}

/* False: what is in hand of it stays there. */
static bool body_put_aside(struct transport *t) {
        uint64_t wanted = sapi_body_left();

        if (!t->finished && t->n_body > wanted - MIN(wanted, spool_pending(&t->spool)))
                return false;
        if (!t->finished && spool_add(&t->spool, t->body, t->n_body, sapi_body_folder()) < 0)
                return false;
        body_consume(t, t->n_body);
        return true;
}

void body_take_meanwhile(struct transport *t) {
        int r = 0;

        t->mid_record = true;
        do {
                t->body_stays = !body_put_aside(t);
                if (body_may_come(t))
                        r = body_next(t, true);
        } while (r == 0 && body_may_come(t) && (t->n_body > 0 || stream_pending(&t->stream) > 0));
        t->mid_record = false;
}

void body_drop(struct transport *t) {
        do
                t->n_body = 0;
        while (t->decoder.in_request && !t->decoder.body_done && !t->broken && body_next(t, true) == 0);
}
