/* SPDX-License-Identifier: MIT */
#include "worker/body.h"

#include "base/macros.h"
#include "sapi/sapi.h"

void body_reset(struct transport *t) {
        spool_clear(&t->exchange.spool);
        t->exchange.body = NULL;
        t->exchange.n_body = 0;
}

void body_receive(struct transport *t, const struct fcgi_event *event) {
        if (event->type != FCGI_EVENT_BODY)
                return;
        t->exchange.body = event->data;
        t->exchange.n_body = event->n;
}

size_t body_consume(struct transport *t, size_t n) {
        if (n > 0)
                t->exchange.body += n;
        t->exchange.n_body -= n;
        return n;
}

bool body_is_over(const struct transport *t) {
        return t->decoder.body_done || t->decoder.aborted;
}

bool body_is_open(const struct transport *t) {
        return t->decoder.in_request && !t->exchange.whole && !body_is_over(t) && transport_allows(t)->receives;
}

/* What may come of it by itself is of use, or in the way. */
static bool body_is_welcome(const struct transport *t) {
        switch (transport_exchange_allows(t)->body) {
        case PHASES_BODY_KEEP:
                return true;
        case PHASES_BODY_DROP:
                return time_now() < t->exchange.drop_until;
        case PHASES_BODY_LEAVE:
                break;
        }
        return false;
}

bool body_may_come(const struct transport *t) {
        return body_is_open(t) && body_is_welcome(t) && sizeof(t->answers) - t->n_answers >= FCGI_VALUES_RESULT_MAX;
}

/* Keeps the slice in hand for PHP. False: PHP does not want it, or there is no room. */
static bool body_keep(struct transport *t) {
        uint64_t wanted = sapi_body_left();

        if (t->exchange.n_body > wanted - MIN(wanted, spool_pending(&t->exchange.spool)))
                return false;
        return spool_add(&t->exchange.spool, t->exchange.body, t->exchange.n_body, sapi_body_folder()) >= 0;
}

/* The slice in hand makes way, or stays. */
static void body_put_aside(struct transport *t) {
        if (transport_exchange_allows(t)->body == PHASES_BODY_KEEP && !body_keep(t))
                t->exchange.phase = EXCHANGE_FULL;
        if (transport_exchange_allows(t)->body != PHASES_BODY_LEAVE)
                body_consume(t, t->exchange.n_body);
}

/* One event of those that are there: 0; STREAM_E_EMPTY; -errno as transport_next(). An answer waits for the end of the
 * record that is on its way out. */
static int body_next(struct transport *t) {
        struct fcgi_event event = {};
        int r = transport_next(t, true, &event);

        if (r == 0)
                body_receive(t, &event);
        return r == TRANSPORT_E_ANSWER ? 0 : r;
}

void body_take_meanwhile(struct transport *t) {
        int r = 0;

        do {
                body_put_aside(t);
                if (body_may_come(t))
                        r = body_next(t);
        } while (r == 0 && body_may_come(t) && (t->exchange.n_body > 0 || stream_pending(&t->stream) > 0));
}
