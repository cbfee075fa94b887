/* SPDX-License-Identifier: MIT */
/*
 * A worker's life, top to bottom: wait, take, read a head, answer, end, again. worker_serve() is the path of a request;
 * everything it calls is one of the boxes of the data flow in ARCHITECTURE.md.
 *
 * A request is taken up when it is there whole, as far as the buffer goes. Up to then its connection is kept like one
 * between two requests: the worker has one in hand, for a short time, waits on that, its shelf, the listeners and the
 * park's offers at once, and puts it on the shelf, or gives it to the park, when it takes another. So no client that
 * keeps its connection, or sends slowly, keeps the worker. A request that has come in on the kept one has no other
 * worker to go to, and goes first for a moment.
 */

#include "worker/loop.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "conn/handover.h"
#include "log/log.h"
#include "log/peer.h"
#include "sapi/sapi.h"
#include "scoreboard/denied.h"
#include "scoreboard/offered.h"
#include "worker/abandoned.h"
#include "worker/exchange.h"
#include "worker/hand.h"
#include "worker/pages.h"
#include "worker/setup.h"

/* How long a connection stays with an idle worker: one whose request is on its way, and one between two requests. */
#define WORKER_PARTIAL_TIME (10 * USEC_PER_MSEC)
#define WORKER_IDLE_TIME    USEC_PER_SEC

/* Answers the request whose head has been read: a page of the pool's own, or PHP. */
static void worker_answer(struct worker *w, const struct track_request *facts, struct sapi_result *ret) {
        struct transport *t = &w->transport;

        if (pages_answer(t, facts, w->setup->pool, w->setup->scoreboard))
                return;
        if (abandoned_drops(t, w->setup->pool, w->setup->scoreboard)) {
                ret->http_status = ABANDONED_STATUS;
                return;
        }
        w->called = true;
        sapi_request_run(&(struct sapi_request){ .io = &exchange_io,
                                                 .ctx = t,
                                                 .role = t->decoder.role,
                                                 .params = &t->params,
                                                 .cpu_nsec = track_cpu_begun(&w->track) },
                         ret);
}

/* catch_workers_output: what was written without a line's end is a line of this request, see pool/output.c. */
static void worker_end_output(struct worker *w) {
        static const char end[1] = "";

        if (!w->setup->pool->catch_workers_output)
                return;
        for (size_t i = 0; i < ELEMENTSOF(w->output); i++)
                (void)log_out_write(&w->output[i], end, sizeof(end));
}

/* The connection in hand waits for its client. */
static void worker_watch(struct worker *w) {
        const struct transport *t = &w->transport;
        usec_t until = self_now(w) + (t->begun > 0 ? WORKER_PARTIAL_TIME : WORKER_IDLE_TIME);

        if (hand_put_back(w))
                return;
        if (w->acceptor.kept >= 0 && t->begun > 0)
                until = MIN(until, w->acceptor.kept_until);
        acceptor_keep(&w->acceptor, t->stream.fd, until);
        if (w->ending || w->last)
                hand_give_up(w);
}

/* What has come of the next request? */
static void worker_look(struct worker *w) {
        int r = kept_look(&w->transport);

        w->ready = r == KEPT_E_READY;
        if (r == KEPT_E_CLOSE)
                hand_drop(w);
        else if (r == 0)
                worker_watch(w);
}

/* This worker has served enough, and a fresh one takes its place; not when the pool stops: then the park may need it to
 * the end. */
static bool worker_is_worn(const struct worker *w) {
        if (self_pool_stops(w))
                return false;
        return (w->n_max > 0 && w->n_served >= w->n_max) || (w->expires > 0 && self_now(w) >= w->expires) ||
               memory_is_over(&w->memory);
}

/* The request has ended: the connection is kept, or closed. */
static void worker_settle(struct worker *w, const struct sapi_result *result) {
        struct transport *t = &w->transport;
        bool keep;

        if (setup_is_copy())
                _exit((int)result->exit_status);
        keep = exchange_end_request(t, result->exit_status);
        worker_end_output(w);

        track_done(&w->track, result->http_status, result->memory_peak, t->stream.n_written);
        memory_tell(&w->memory, w->track.slot,
                    &(struct memory_request){ .peak = result->memory_peak,
                                              .left = result->memory_left,
                                              .now = w->track.nsec / NSEC_PER_USEC });
        if (w->called || !w->setup->pool->worker_script) /* ping and status wear out nothing that has booted */
                w->n_served++;
        if (result->disconnected)
                abandoned_ended(t, w->setup->scoreboard);
        if (result->denied)
                denied_count(w->setup->scoreboard, SCOREBOARD_DENIED_scripts);
        if (result->abandoned)
                log_notice("child %d ends after a fatal error (pm.exit_after_fatal)", (int)getpid());
        w->abandoned = result->abandoned;
        w->unfit = result->worker_must_end;
        if (result->worker_must_end || worker_is_worn(w))
                w->ending = true;
        track_free(&w->track);
        w->nsec = w->track.nsec;
        if (!keep)
                hand_drop(w);
        else
                worker_look(w);
        if (w->ending)
                hand_give_up(w);
}

/* One request on the connection in hand. */
static int worker_serve(struct worker *w) {
        struct transport *t = &w->transport;
        struct sapi_result result = { .http_status = 200 };
        struct track_request facts;
        int r;

        w->ready = false;
        shelf_on_work(&w->shelf);
        track_begin(&w->track, w->nsec);
        access_begin(&w->access);
        r = exchange_read_head(t);
        if (r < 0 || r == EXCHANGE_E_CLOSED) {
                track_cancel(&w->track);
                hand_drop(w);
                return r < 0 ? r : 0;
        }
        if (r != EXCHANGE_E_ABORTED) {
                track_read(&facts, &t->params);
                track_head(&w->track, &facts, t->exchange.waited);
                access_head(&w->access, &facts, &(struct access_source){ .params = &t->params, .fd = t->stream.fd });
                worker_answer(w, &facts, &result);
                access_end(&w->access, result.http_status, result.memory_peak);
        }
        worker_settle(w, &result);
        return 0;
}

/* What a new connection has sent. Its wake-up has often taken the CPU from the very client that is about to send: that
 * one gets it back once, which is cheaper than a sleep until it has sent. */
static int worker_first_bytes(struct worker *w) {
        struct stream *s = &w->transport.stream;
        int r = stream_more(s);

        if (r == STREAM_E_EMPTY && sched_yield() == 0) {
                r = stream_more(s);
                self_read_clock(w);
        }
        return r;
}

static void worker_open(struct worker *w, int fd) {
        struct transport *t = &w->transport;
        int r;

        w->turn = self_now(w);
        transport_open(t, fd, w->turn);
        track_connection(&w->track);
        r = worker_first_bytes(w);
        if (r == STREAM_E_END || r < 0) {
                transport_on(t, PHASES_EVENT_END);
                hand_drop(w);
        } else
                worker_look(w);
}

/* One that the park offers, when nobody else was faster. 0, or -EMFILE: the next ones would be lost like this one. */
static int worker_take_offer(struct worker *w) {
        struct transport *t = &w->transport;
        struct handover note;
        int fd, r;

        r = handover_receive(w->acceptor.offers, &note, t->stream.buf, sizeof(t->stream.buf), &fd);
        if (r <= 0)
                offered_count_taken(w->setup->scoreboard);
        if (r == 0) {
                w->turn = self_now(w);
                track_offer(&w->track, note.whole);
                transport_open(t, fd, note.begun);
                t->stream.n = note.n_in; /* they are there already */
                t->stream.shared = note.flags & HANDOVER_SHARED;
                if (t->stream.shared) /* so that its client hears of this worker's death */
                        (void)shelf_put(&w->shelf, fd, true, w->turn);
                worker_look(w);
        } else if (r == HANDOVER_E_END) {
                acceptor_forget_offers(&w->acceptor);
                w->ending |= w->last;
        } else if (r < 0)
                log_error("a connection that the park offered is lost: %s", strerror(-r));
        return r == -EMFILE ? r : 0;
}

/* The client of the connection in hand has done something. */
static void worker_hear(struct worker *w) {
        struct transport *t = &w->transport;
        int r;

        w->turn = self_now(w);
        if (w->ready)
                return;
        r = stream_more(&t->stream);
        if (r == 0)
                worker_look(w);
        else if (r == STREAM_E_EMPTY && !hand_put_back(w))
                accept_missed(&w->acceptor);
        else if (r != STREAM_E_EMPTY) {
                transport_on(t, PHASES_EVENT_END); /* closed by its client, between two requests or in one */
                hand_drop(w);
        }
}

/* The client of one of the shelf's connections has done something. */
static void worker_take_shelved(struct worker *w) {
        int place = shelf_next(&w->shelf, self_now(w));

        if (place < 0)
                return;
        hand_put_away(w);
        if (hand_is_full(w)) { /* the park does not take it */
                shelf_return(&w->shelf, place, self_now(w));
                return;
        }
        transport_open(&w->transport, shelf_hold(&w->shelf, place), 0);
        w->transport.stream.shared = true;
        worker_hear(w);
}

/* The order to end: nothing new is taken; a request that has already come in on the kept connection is still answered.
 * When the pool stops the park finishes what it has, which takes workers to the end. */
static void worker_drain(struct worker *w) {
        struct transport *t = &w->transport;

        shelf_close(&w->shelf);
        w->last = !w->last && self_pool_stops(w) && w->acceptor.offers >= 0;
        w->ending = !w->last;
        if (w->last) {
                acceptor_set_generation(&w->acceptor, NULL, 0); /* it is over, but for the offers */
                acceptor_leave_for_offers(&w->acceptor);
        } else
                acceptor_leave(&w->acceptor);
        if (hand_is_full(w) && !w->ready && stream_more(&t->stream) == 0)
                worker_look(w);
        if (!w->ready)
                hand_give_up(w);
}

/* Waits for something to do, and does it up to the next request. */
static int worker_wait(struct worker *w) {
        bool in_hand = hand_is_full(w);
        int fd = -1, r = 0;

        if (setup_is_told_to_end() && !w->last)
                r = ACCEPT_E_DRAIN;
        else if (!w->ready && shelf_is_promising(&w->shelf, self_now(w)))
                r = ACCEPT_E_SHELF;
        else if (!w->ready)
                r = accept_try(&w->acceptor, in_hand, self_now(w), &fd);
        if (r == 0) {
                shelf_on_wait(&w->shelf);
                r = accept_wait(&w->acceptor, in_hand, w->ready, self_now(w), &fd);
                self_read_clock(w);
                shelf_on_waited(&w->shelf, self_now(w));
        }
        switch (r) {
        case ACCEPT_E_CONNECTION:
                if (allow_admits(&w->allow, fd, NULL))
                        worker_open(w, fd);
                else
                        fd_close(fd);
                return 0;
        case ACCEPT_E_OFFER:
                return worker_take_offer(w);
        case ACCEPT_E_KEPT:
                worker_hear(w);
                return 0;
        case ACCEPT_E_SHELF:
                worker_take_shelved(w);
                return 0;
        case ACCEPT_E_YIELD:
        case ACCEPT_E_TIMEOUT:
                hand_put_away(w);
                return 0;
        case ACCEPT_E_DRAIN:
                worker_drain(w);
                return 0;
        default:
                return r;
        }
}

static int worker_step(struct worker *w) {
        int r = 0;

        if (!w->ready || (!w->ending && self_now(w) - w->turn >= ACCEPT_SPAN))
                r = worker_wait(w);
        if (r == 0 && w->ready)
                return worker_serve(w);
        track_no_request(&w->track);
        return r;
}

int worker_loop(struct worker *w) {
        self_read_clock(w);
        while (!w->ending || w->ready) {
                int r = worker_step(w);

                if (r < 0)
                        return r;
        }
        return 0;
}

int worker_next(struct worker *w) {
        self_read_clock(w);
        w->called = false;
        while (!w->called && (!w->ending || w->ready)) {
                int r = worker_step(w);

                if (r < 0)
                        return r;
        }
        return 0;
}

void worker_share(struct worker *w) {
        shelf_on_work(&w->shelf);
        if (hand_is_full(w) && !w->ending && !self_pool_stops(w) && kept_hand_over(&w->transport, HANDOVER_KEEP) == 0)
                w->ready = false;
}

void worker_leave(struct worker *w) {
        w->ending = w->unfit = true;
        hand_give_up(w);
}
