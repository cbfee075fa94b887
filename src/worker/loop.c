/* SPDX-License-Identifier: MIT */
/*
 * A worker's life, top to bottom: wait, take, read a head, answer, end, again. worker_serve() is the path of a request; everything it
 * calls is one of the boxes of the data flow in ARCHITECTURE.md.
 *
 * The worker keeps at most one connection between requests. It waits on that and on the listeners at once, and gives it up when it takes
 * another, so that a client that keeps its connection never keeps the worker.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn/accept.h"
#include "fcgi/params.h"
#include "log/log.h"
#include "sapi/sapi.h"
#include "worker/pages.h"
#include "worker/phpstatus.h"
#include "worker/setup.h"
#include "worker/track.h"
#include "worker/transport.h"
#include "worker/worker.h"

struct worker {
        const struct worker_setup *setup;
        struct acceptor acceptor;
        struct track track;
        struct transport transport;
        uint64_t n_served;
        bool ending;
};

static void worker_drop_connection(struct worker *w) {
        acceptor_forget(&w->acceptor);
        transport_close(&w->transport);
}

/* Facts for the scoreboard, straight from the decoded block. */
static void worker_read_facts(const struct transport *t, struct track_request *ret) {
        struct fcgi_pair pair;
        size_t pos = 0;

        *ret = (struct track_request){ .method = "", .uri = "", .query = "" };
        while (fcgi_params_next(t->decoder.params, t->decoder.n_params, &pos, &pair) == 1) {
#define IS(literal) (pair.n_name == sizeof(literal) - 1 && memcmp(pair.name, literal, sizeof(literal) - 1) == 0)
                if (IS("REQUEST_METHOD")) {
                        ret->method = pair.value;
                        ret->n_method = pair.n_value;
                } else if (IS("SCRIPT_NAME")) {
                        ret->uri = pair.value;
                        ret->n_uri = pair.n_value;
                } else if (IS("QUERY_STRING")) {
                        ret->query = pair.value;
                        ret->n_query = pair.n_value;
                } else if (IS("CONTENT_LENGTH")) {
                        ret->content_length = 0;
                        for (size_t i = 0; i < pair.n_value && pair.value[i] >= '0' && pair.value[i] <= '9'; i++)
                                ret->content_length = ret->content_length * 10 + (uint64_t)(pair.value[i] - '0');
                }
#undef IS
        }
}

/* Answers the request whose head has been read: a page of the pool's own, or PHP. */
static void worker_answer(struct worker *w, struct sapi_result *ret) {
        struct transport *t = &w->transport;

        if (pages_answer(t, w->setup->pool, w->setup->scoreboard))
                return;
        sapi_request_run(
                &(struct sapi_request){
                        .io = &transport_io, .ctx = t, .params = t->decoder.params, .n_params = t->decoder.n_params },
                ret);
}

/* The request has ended: the connection is kept, or closed. */
static void worker_settle(struct worker *w, const struct sapi_result *result) {
        struct transport *t = &w->transport;
        bool keep;

        if (worker_is_copy())
                _exit(EXIT_SUCCESS);
        keep = transport_end_request(t, result->exit_status);

        track_done(&w->track, result->http_status, result->memory_peak, t->stream.n_written);
        w->n_served++;
        if (result->worker_must_end || (w->setup->pool->max_requests && w->n_served >= w->setup->pool->max_requests))
                w->ending = true;
        if (!keep || w->acceptor.yield || w->ending || acceptor_keep(&w->acceptor, t->stream.fd) < 0)
                worker_drop_connection(w);
        track_stage(&w->track, STAGE_ACCEPTING);
}

/* One request on the connection in hand. */
static int worker_serve(struct worker *w) {
        struct transport *t = &w->transport;
        struct sapi_result result = { .http_status = 200 };
        struct track_request facts;
        int r;

        track_begin(&w->track);
        r = transport_read_head(t);
        if (r < 0 || r == TRANSPORT_E_CLOSED) {
                track_cancel(&w->track);
                worker_drop_connection(w);
                return r < 0 ? r : 0;
        }
        if (r != TRANSPORT_E_ABORTED) {
                worker_read_facts(t, &facts);
                track_head(&w->track, &facts);
                worker_answer(w, &result);
        }
        worker_settle(w, &result);
        return 0;
}

/* The order to end: nothing new is taken; a request that has already come in on the kept connection is still answered. */
static int worker_drain(struct worker *w) {
        struct transport *t = &w->transport;
        int r = 0;

        w->ending = true;
        acceptor_leave(&w->acceptor);
        if (t->stream.fd >= 0 && (stream_pending(&t->stream) > 0 || stream_fill(&t->stream, true) == 0))
                r = worker_serve(w);
        worker_drop_connection(w);
        return r;
}

/* Waits for a request, and serves it. */
static int worker_step(struct worker *w) {
        struct transport *t = &w->transport;
        int fd, r;

        if (t->stream.fd >= 0 && stream_pending(&t->stream) > 0 && !acceptor_should_drain(&w->acceptor))
                return worker_serve(w); /* the next request came in the same bytes */

        r = acceptor_wait(&w->acceptor, &fd);
        switch (r) {
        case ACCEPT_E_CONNECTION:
                worker_drop_connection(w);
                transport_open(t, fd);
                track_connection(&w->track);
                return worker_serve(w);
        case ACCEPT_E_KEPT:
                if (stream_fill(&t->stream, true) == 0)
                        return worker_serve(w);
                worker_drop_connection(w); /* closed by its client, between two requests */
                return 0;
        case ACCEPT_E_DRAIN:
                return worker_drain(w);
        default:
                return r;
        }
}

/* A worker that cannot go on says why, and leaves its place to a fresh one. */
static int worker_live(struct worker *w) {
        const struct worker_setup *s = w->setup;
        struct fcgi_limits limits = { .params_max = FCGI_PARAMS_MAX_DEFAULT, .max_conns = s->pool->max_children,
                                      .max_reqs = s->pool->max_children };
        int r;

        r = acceptor_init(&w->acceptor, s->listeners, s->n_listeners, s->doorbell, s->lifeline);
        if (r < 0)
                return r;
        acceptor_set_generation(&w->acceptor, &s->scoreboard->header.generation, s->generation);
        r = worker_setup_process(s, w->acceptor.quit);
        if (r < 0)
                return r;
        r = transport_init(&w->transport, &w->track, &limits);
        if (r < 0)
                return r;
        phpstatus_provide(s->scoreboard);
        sapi_worker_begin();
        s->accepting(s->ctx);
        track_stage(&w->track, STAGE_ACCEPTING);

        while (!w->ending) {
                r = worker_step(w);
                if (r < 0)
                        return r;
        }
        acceptor_leave(&w->acceptor);
        sapi_worker_end();
        return 0;
}

void worker_run(const struct worker_setup *setup) {
        static struct worker w; /* too large for the stack */
        int r;

        w.setup = setup;
        track_init(&w.track, setup->pool->name, &setup->scoreboard->slots[setup->slot]);
        r = worker_live(&w);
        if (r < 0)
                log_error("worker gives up: %s", strerror(-r));
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
