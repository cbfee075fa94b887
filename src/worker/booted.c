/* SPDX-License-Identifier: MIT */
/*
 * The loop runs within the script: each call of fpmd_handle_request() comes here for the next request, and the first
 * one says that the worker accepts. What a request is is the loop's matter, as ever.
 *
 * Between two calls the script may work on, and is not idle then. When it did so the last time its connection is the
 * park's meanwhile: a next request on it is another worker's.
 */

#include "worker/booted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"
#include "sapi/sapi.h"
#include "worker/setup.h"

static void booted_accept(struct worker *w) {
        w->booted = true;
        track_stage(&w->track, STAGE_ACCEPTING);
        w->setup->accepting(w->setup->ctx);
}

/* What the script does between two calls is work when it takes longer. */
#define BOOTED_BETWEEN_MAX (USEC_PER_MSEC * NSEC_PER_USEC)

/* PHP has come back. */
static void booted_enter(struct worker *w) {
        uint64_t left = w->track.nsec;

        if (!w->booted) {
                booted_accept(w);
                return;
        }
        track_stage(&w->track, STAGE_ACCEPTING);
        w->busy = w->track.nsec - left > BOOTED_BETWEEN_MAX;
}

/* Whoever serves the connection next may say how this worker is: by then it is said. */
static void booted_leave(struct worker *w) {
        track_stage(&w->track, STAGE_FINISHED);
        if (w->busy)
                worker_share(w);
}

/* PHP calls back. */
static bool booted_serve(void *ctx) {
        struct worker *w = ctx;

        if (setup_is_copy())
                return false;
        booted_enter(w);
        w->result = worker_next(w);
        if (w->abandoned) { /* PHP is not to be gone back to */
                acceptor_leave(&w->acceptor);
                _exit(EXIT_SUCCESS);
        }
        booted_leave(w);
        return w->result == 0 && (!w->ending || w->ready);
}

void booted_once(struct worker *w) {
        (void)booted_serve(w);
}

void booted_describe_failure(const struct conf_pool *pool, const struct sapi_boot_end *end,
                             char ret[static BOOTED_REASON_MAX]) {
        if (end->error > 0)
                snprintf(ret, BOOTED_REASON_MAX, "worker.script %s cannot be opened: %s", pool->worker_script,
                         strerror(end->error));
        else
                snprintf(ret, BOOTED_REASON_MAX, "worker.script does not boot: %s",
                         end->reason ? end->reason : "PHP has no request");
}

static int booted_fail(struct worker *w, const struct sapi_boot_end *end) {
        char text[BOOTED_REASON_MAX];

        booted_describe_failure(w->setup->pool, end, text);
        w->setup->boot_failed(w->setup->ctx, text);
        return -ECANCELED;
}

int booted_run(struct worker *w) {
        const struct conf_pool *pool = w->setup->pool;
        struct sapi_boot_end end;

        track_stage(&w->track, STAGE_BOOTING);
        sapi_booted_run(&(struct sapi_boot){ .script = pool->worker_script,
                                             .timeout = pool->worker_boot_timeout,
                                             .serve = booted_serve,
                                             .ctx = w },
                        &end);
        if (setup_is_copy())
                _exit((int)end.exit_status);
        if (!end.booted) {
                int r = booted_fail(w, &end);

                free(end.reason);
                return r;
        }
        worker_leave(w);
        return w->result;
}
