/* SPDX-License-Identifier: MIT */
/*
 * The loop runs within the script: each call of fpmd_handle_request() comes here for the next request, and the first
 * one, or the first after those of worker.warmup[], says that the worker accepts. What a request is is the loop's
 * matter, as ever.
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
#include "worker/examine.h"
#include "worker/setup.h"

static void booted_accept(struct worker *w) {
        w->booted = true;
        sapi_warmup_over();
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

void booted_describe_failure(const struct conf_pool *pool, const struct sapi_boot_end *end, struct warmup *warmup,
                             char ret[static BOOTED_REASON_MAX]) {
        if (end->booted) {
                warmup_note_end(warmup);
                snprintf(ret, BOOTED_REASON_MAX, "%s", warmup->reason);
        } else if (end->error > 0)
                snprintf(ret, BOOTED_REASON_MAX, "worker.script %s cannot be opened: %s", pool->worker_script,
                         strerror(end->error));
        else
                snprintf(ret, BOOTED_REASON_MAX, "worker.script does not boot: %s",
                         end->reason ? end->reason : "PHP has no request");
}

/* Where others serve already, a warm-up request that costs its worker is not the generation's failure. */
static int booted_fail(struct worker *w, const struct sapi_boot_end *end) {
        char text[BOOTED_REASON_MAX];

        booted_describe_failure(w->setup->pool, end, &w->warmup, text);
        if (end->booted && !w->setup->is_first) {
                log_warning("child %d ends, and its successors have no such request: %s", (int)getpid(), text);
                w->setup->gone_cold(w->setup->ctx);
        } else
                w->setup->boot_failed(w->setup->ctx, text);
        return -ECANCELED;
}

/* A request before clients': the script comes back after it as after any other. */
static bool booted_warm(struct worker *w) {
        if (w->warmup.n_done == 0)
                w->setup->warming(w->setup->ctx);
        warmup_next(&w->warmup);
        if (w->warmup.abandoned) { /* PHP is not to be gone back to */
                (void)booted_fail(w, &(struct sapi_boot_end){ .booted = true });
                _exit(EXIT_FAILURE);
        }
        return !w->warmup.reason[0];
}

/* PHP calls back. */
static bool booted_serve(void *ctx) {
        struct worker *w = ctx;

        if (setup_is_copy())
                return false;
        if (!w->booted && !w->warmup.over)
                return booted_warm(w);
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
        warmup_init(&w->warmup, w->setup->pool, false, true); /* they were before the fork */
        (void)booted_serve(w);
}

int booted_run(struct worker *w) {
        const struct conf_pool *pool = w->setup->pool;
        struct sapi_boot_end end;

        track_stage(&w->track, STAGE_BOOTING);
        warmup_init(&w->warmup, pool, w->setup->refuses_cold, w->setup->cold);
        sapi_booted_run(&(struct sapi_boot){ .script = pool->worker_script,
                                             .timeout = pool->worker_boot_timeout,
                                             .serve = booted_serve,
                                             .examine = examine_wanted,
                                             .leaked = examine_tell,
                                             .examined = examine_end,
                                             .ctx = w },
                        &end);
        if (setup_is_copy())
                _exit((int)end.exit_status);
        if (!w->booted) {
                int r = booted_fail(w, &end);

                free(end.reason);
                return r;
        }
        worker_leave(w);
        return w->result;
}
