/* SPDX-License-Identifier: MIT */
/* A connection leaves the hand by one of four ways: it is closed, the park gets it, it is put on the shelf, or back to
 * its place there. */

#include "worker/hand.h"

#include "log/log.h"
#include "log/peer.h"
#include "worker/exchange.h"

bool hand_is_full(const struct worker *w) {
        return w->transport.stream.fd >= 0;
}

void hand_drop(struct worker *w) {
        acceptor_forget(&w->acceptor);
        exchange_close(&w->transport);
        w->ready = false;
        if (w->transport.exchange.waited)
                self_read_clock(w);
}

/* Whether the connection in hand is between two requests, and nothing of it in this process's memory. */
static bool hand_is_clean(const struct worker *w) {
        const struct transport *t = &w->transport;

        return !w->ready && t->begun == 0 && stream_pending(&t->stream) == 0 && t->scan.at == 0 &&
               transport_allows(t)->keeps;
}

/* What has come of the next request can be answered nowhere. */
static void hand_lose_request(struct worker *w) {
        const struct stream *s = &w->transport.stream;

        peer_log_closed(
                s->fd, LOG_EVENT_NONE,
                "its next request is lost (%zu bytes had come): this worker's PHP is not fit for it, and the park "
                "takes nothing",
                stream_pending(s));
        hand_drop(w);
}

/* The connection in hand goes to the park. When that takes none, one that rests is closed; one whose request is on its
 * way is served, the worker waiting for it, also one that ends. */
void hand_give_up(struct worker *w) {
        struct transport *t = &w->transport;
        bool rests = !w->ready && t->begun == 0;

        if (!hand_is_full(w))
                return;
        acceptor_forget(&w->acceptor);
        if (!(rests && self_pool_stops(w)) && kept_hand_over(t, HANDOVER_KEEP) == 0)
                w->ready = false;
        else if (rests)
                hand_drop(w);
        else if (w->unfit)
                hand_lose_request(w);
        else {
                accept_hand_on(&w->acceptor);
                w->ready = true;
        }
}

/* Another one is taken: the connection in hand makes room for that. */
void hand_put_away(struct worker *w) {
        struct transport *t = &w->transport;

        if (hand_is_full(w) && hand_is_clean(w) && !self_pool_stops(w) &&
            shelf_put(&w->shelf, t->stream.fd, false, self_now(w)) == 0) {
                acceptor_forget(&w->acceptor);
                (void)stream_take_out(&t->stream);
        } else
                hand_give_up(w);
}

/* One from the shelf waits for its client. True: it is there again. */
bool hand_put_back(struct worker *w) {
        if (w->shelf.in_hand < 0)
                return false;
        if (!hand_is_clean(w)) {
                shelf_part(&w->shelf); /* its request comes in pieces */
                return false;
        }
        shelf_put_back(&w->shelf, self_now(w));
        (void)stream_take_out(&w->transport.stream);
        return true;
}
