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
#include <sys/random.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fd.h"
#include "conn/accept.h"
#include "conn/allow.h"
#include "fcgi/params.h"
#include "log/line.h"
#include "log/log.h"
#include "sapi/sapi.h"
#include "worker/access.h"
#include "worker/memory.h"
#include "worker/pages.h"
#include "worker/phpstatus.h"
#include "worker/setup.h"
#include "worker/track.h"
#include "worker/transport.h"
#include "worker/worker.h"

struct worker {
        const struct worker_setup *setup;
        struct acceptor acceptor;
        struct allow allow;
        struct track track;
        struct access access;
        struct transport transport;
        uint64_t n_served;
        uint64_t n_max; /* requests it serves at most; 0: any number */
        struct memory memory;
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
        sapi_request_run(&(struct sapi_request){ .io = &transport_io,
                                                 .ctx = t,
                                                 .params = t->decoder.params,
                                                 .n_params = t->decoder.n_params,
                                                 .cpu_nsec = track_cpu_begun(&w->track) },
                         ret);
}

/* catch_workers_output: what was written without a line's end is a line of this request, see pool/output.c. */
static void worker_end_output(const struct worker *w) {
        static const char end[1] = "";

        if (!w->setup->pool->catch_workers_output)
                return;
        (void)log_line_write(STDOUT_FILENO, end, sizeof(end));
        (void)log_line_write(STDERR_FILENO, end, sizeof(end));
}

/* The request has ended: the connection is kept, or closed. */
static void worker_settle(struct worker *w, const struct sapi_result *result) {
        struct transport *t = &w->transport;
        bool keep;

        if (worker_is_copy())
                _exit(EXIT_SUCCESS);
        keep = transport_end_request(t, result->exit_status);
        worker_end_output(w);

        track_done(&w->track, result->http_status, result->memory_peak, t->stream.n_written);
        w->n_served++;
        if (result->worker_must_end || (w->n_max > 0 && w->n_served >= w->n_max) || memory_is_over(&w->memory))
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
        access_begin(&w->access);
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
                if (!access_end(&w->access, t, &facts, result.http_status, result.memory_peak))
                        track_log_dropped(&w->track);
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

/* listen.allowed_clients: who is not on the list loses its connection, and costs the kept one nothing. */
static bool worker_admits(const struct worker *w, int fd) {
        char text[ADDR_TEXT_MAX];
        struct addr peer;

        if (!w->allow.restricts)
                return true;
        if (addr_of_peer(fd, &peer) < 0)
                return false; /* gone already */
        if (allow_permits(&w->allow, &peer))
                return true;
        log_error("Connection disallowed: IP address '%s' has been dropped.", addr_format_host(&peer, text));
        return false;
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
                if (!worker_admits(w, fd)) {
                        fd_close(fd);
                        return 0;
                }
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

/* pm.max_requests, and a share of its jitter that is this worker's own: those forked together do not end together. */
static uint64_t worker_pick_max(const struct conf_pool *pool) {
        uint64_t random = 0;

        if (pool->max_requests == 0)
                return 0;
        if (pool->max_requests_jitter > 0 && getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
                random = (uint64_t)getpid();
        return pool->max_requests + random % ((uint64_t)pool->max_requests_jitter + 1);
}

/* A worker that cannot go on says why, and leaves its place to a fresh one. */
static int worker_live(struct worker *w) {
        const struct worker_setup *s = w->setup;
        struct fcgi_limits limits = { .params_max = FCGI_PARAMS_MAX_DEFAULT,
                                      .max_conns = s->pool->max_children,
                                      .max_reqs = s->pool->max_children };
        int r;

        r = acceptor_init(&w->acceptor, s->listeners, s->n_listeners, s->doorbell, s->lifeline);
        if (r < 0)
                return r;
        r = allow_parse(s->pool->listen_allowed_clients, &w->allow);
        if (r < 0)
                return r;
        acceptor_set_generation(&w->acceptor, &s->scoreboard->header.generation, s->generation);
        w->n_max = worker_pick_max(s->pool);
        memory_init(&w->memory, s->pool->max_memory);
        r = worker_setup_process(s, w->acceptor.quit);
        if (r < 0)
                return r;
        r = access_init(&w->access, s->pool, s->access_fd);
        if (r < 0)
                return r;
        r = transport_init(&w->transport, &w->track, &w->access, &limits);
        if (r < 0)
                return r;
        w->transport.receive_timeout = s->pool->request_receive_timeout;
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
