/* SPDX-License-Identifier: MIT */
/* A worker's life around its loop: what it is set up with, and how it ends. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fd.h"
#include "conf/conf.h"
#include "log/log.h"
#include "log/out.h"
#include "sapi/sapi.h"
#include "worker/booted.h"
#include "worker/disconnect.h"
#include "worker/loop.h"
#include "worker/phpstatus.h"
#include "worker/setup.h"

/* pm.max_requests, and a share of its jitter that is this worker's own: those forked together do not end together. */
static uint64_t run_pick_max(const struct conf_pool *pool) {
        uint64_t random = 0;

        if (pool->worker_script && pool->worker_requests > 0)
                return pool->worker_requests;
        if (pool->max_requests == 0)
                return 0;
        if (pool->max_requests_jitter > 0 && getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
                random = (uint64_t)getpid();
        return pool->max_requests + random % ((uint64_t)pool->max_requests_jitter + 1);
}

static struct worker *run_self;

/* A copy may outlive the request, the worker and the service: it must not keep a client waiting for the connection's
 * end, nor hold an address. */
static void run_on_copy(void) {
        struct worker *w = run_self;

        shelf_forget(&w->shelf);
        w->transport.stream.fd = fd_close(w->transport.stream.fd);
        w->kept.intake = fd_close(w->kept.intake);
        acceptor_done(&w->acceptor);
        sapi_module_worker_copied();
}

/* Within a signal handler. */
static void run_on_term(void) {
        access_last_words(&run_self->access);
}

static bool run_listens_on_tcp(const struct worker_setup *s) {
        struct addr a;

        return s->n_listeners > 0 && addr_of_socket(s->listeners[0], &a) == 0 && a.sa.sa_family != AF_UNIX;
}

/* With "auto", what that is for now. */
static uint32_t run_max_children(const struct worker_setup *s) {
        return s->pool->max_children != CONF_LIMIT_AUTO ? s->pool->max_children : s->scoreboard->header.max_children;
}

/* In worker.script, whose first call says that it accepts. */
static int run_booted(struct worker *w) {
        int r;

        if (w->setup->pool->worker_max_age > 0)
                w->expires = time_now() + w->setup->pool->worker_max_age;
        r = booted_run(w);
        shelf_close(&w->shelf);
        if (r == 0)
                acceptor_leave(&w->acceptor);
        sapi_module_worker_end(); /* also of a boot that has failed */
        return r;
}

static int run_prepare(struct worker *w) {
        const struct worker_setup *s = w->setup;
        const uint32_t n_workers = run_max_children(s);
        int r;

        r = acceptor_init(&w->acceptor, &(struct acceptor_sources){ .listeners = s->listeners,
                                                                    .n_listeners = s->n_listeners,
                                                                    .offers = s->offers,
                                                                    .doorbell = s->doorbell,
                                                                    .lifeline = s->lifeline,
                                                                    .watchers = s->watchers,
                                                                    .slot = s->slot,
                                                                    .first = s->turn });
        if (r < 0)
                return r;
        acceptor_set_generation(&w->acceptor, &s->scoreboard->header.generation, s->generation);
        w->n_max = run_pick_max(s->pool);
        memory_init(&w->memory, s->pool);
        r = setup_process(s, w->acceptor.quit, run_on_copy, run_on_term);
        if (r < 0)
                return r;
        r = disconnect_start(s->pool);
        if (r < 0)
                return r;
        log_set_said(s->pool->catch_workers_output);
        if (!conf_model_forks(s->pool))
                sapi_ini_say_refused();
        r = setup_allow(s->pool, &w->allow);
        if (r < 0)
                return r;
        w->allow.n_denied = &s->scoreboard->header.denied[SCOREBOARD_DENIED_peers];
        r = access_init(&w->access, s->pool, s->access_fd);
        if (r < 0)
                return r;
        w->kept = (struct kept){ .acceptor = &w->acceptor,
                                 .shelf = &w->shelf,
                                 .intake = s->intake,
                                 .stopping = &s->scoreboard->header.stopping };
        r = transport_init(&w->transport, &(struct transport_setup){ .track = &w->track,
                                                                     .access = &w->access,
                                                                     .kept = &w->kept,
                                                                     .limits = { .params_max = FCGI_PARAMS_MAX_DEFAULT,
                                                                                 .max_conns = n_workers,
                                                                                 .max_reqs = n_workers } });
        if (r < 0)
                return r;
        w->transport.unread_resets = run_listens_on_tcp(s);
        w->transport.receive_timeout = s->pool->request_receive_timeout;
        w->transport.first_byte_timeout = s->pool->park_first_byte_timeout;
        w->transport.rest_timeout = w->transport.stream.silence = s->pool->park_rest_timeout;
        w->transport.stream.stall = s->pool->park_idle_timeout;
        phpstatus_provide(s->scoreboard);
        return 0;
}

/* A worker that cannot go on says why, and leaves its place to a fresh one. */
static int run_live(struct worker *w) {
        const struct worker_setup *s = w->setup;
        int r;

        r = run_prepare(w);
        if (r < 0)
                return r;
        sapi_module_worker_begin(s->slot);
        if (s->pool->worker_script)
                return run_booted(w);
        /* First: the master looks there once it is told, and forks another worker where nobody is idle. */
        track_stage(&w->track, STAGE_ACCEPTING);
        s->accepting(s->ctx);

        r = worker_loop(w);
        if (r < 0)
                return r;
        shelf_close(&w->shelf); /* the end of PHP may take its time */
        acceptor_leave(&w->acceptor);
        if (!w->abandoned)
                sapi_module_worker_end();
        return 0;
}

static struct worker run_worker; /* too large for the stack */

static struct worker *run_begin(const struct worker_setup *setup) {
        struct worker *w = &run_worker;

        w->setup = setup;
        w->transport.stream.fd = w->kept.intake = -1;
        shelf_init(&w->shelf, &w->acceptor, conf_pool_limits_queue(setup->pool) ? -1 : setup->intake);
        run_self = w;
        w->output[0] = (struct log_out){ .fd = STDOUT_FILENO, .kind = LOG_KIND_OUTPUT };
        w->output[1] = (struct log_out){ .fd = STDERR_FILENO, .kind = LOG_KIND_OUTPUT };
        track_init(&w->track, setup->pool->name, setup->scoreboard, setup->slot);
        log_out_init(setup->conf->global.log_timeout, 0, w->track.slot->logs_lost);
        return w;
}

_noreturn_ static void run_end(int r) {
        if (r < 0 && r != -ECANCELED)
                log_error("worker gives up: %s", strerror(-r));
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

void worker_run(const struct worker_setup *setup) {
        run_end(run_live(run_begin(setup)));
}

void worker_run_once(const struct worker_setup *setup) {
        struct worker *w = run_begin(setup);
        int r = run_prepare(w);

        if (r < 0)
                run_end(r);
        sapi_module_template_forked(setup->slot);
        booted_once(w);
}

void worker_run_end(uint32_t exit_status) {
        struct worker *w = run_self;

        if (setup_is_copy())
                _exit((int)exit_status);
        worker_leave(w);
        if (w->result == 0)
                acceptor_leave(&w->acceptor);
        run_end(w->result);
}
