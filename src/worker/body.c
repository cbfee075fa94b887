/* SPDX-License-Identifier: MIT */
#include "worker/body.h"

#include "base/macros.h"
#include "sapi/sapi.h"

void body_reset(struct transport *t) {
        spool_clear(&t->spool);
        t->body = NULL;
        t->n_body = 0;
        t->body_stays = false;
}

void body_receive(struct transport *t, const struct fcgi_event *event) {
        if (event->type != FCGI_EVENT_BODY)
                return;
        t->body = event->data;
        t->n_body = event->n;
}

size_t body_consume(struct transport *t, size_t n) {
        if (n > 0)
                t->body += n;
        t->n_body -= n;
        return n;
}

bool body_is_over(const struct transport *t) {
        return t->decoder.body_done || t->decoder.aborted;
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
                t->body_stays = !body_put_aside(t);
                if (body_may_come(t))
                        r = body_next(t);
        } while (r == 0 && body_may_come(t) && (t->n_body > 0 || stream_pending(&t->stream) > 0));
}
