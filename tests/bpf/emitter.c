/* SPDX-License-Identifier: MIT */
/*
 * A zygote and its workers as a tracer sees them, and nothing else: forks, and probes fired through whole requests. For
 * what fpmd itself cannot show at will: many workers at once, an exact clock, names that no configuration allows.
 *
 *     emitter POOL WORKERS REQUESTS       prints "ready", begins when a line comes in, ends when all are through
 */

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/number.h"
#include "base/time.h"
#include "probe/probes.h"
#include "scoreboard/stages.h"

/* Each executing lasts this long on the probes' clock, which need not be a real one. */
#define EXECUTING_NS 1000000U
#define OTHER_NS     1000U

struct worker {
        const char *pool;
        uint64_t request;
        uint32_t stage;
        uint64_t clock;
};

static void enter(struct worker *w, uint32_t stage) {
        w->clock += w->stage == STAGE_EXECUTING ? EXECUTING_NS : OTHER_NS;
        if (PROBE_ENABLED(request_stage))
                PROBE_REQUEST_STAGE(w->pool, getpid(), w->request, w->stage, stage, w->clock);
        w->stage = stage;
}

static void serve(struct worker *w) {
        w->request++;
        enter(w, STAGE_READING_HEADERS);
        enter(w, STAGE_INFO);
        if (PROBE_ENABLED(request_start))
                PROBE_REQUEST_START(w->pool, getpid(), w->request, "GET", "/private?name=x", "/srv/private.php");
        enter(w, STAGE_EXECUTING);
        enter(w, STAGE_END);
        enter(w, STAGE_FINISHED);
        if (PROBE_ENABLED(request_done))
                PROBE_REQUEST_DONE(w->pool, getpid(), w->request, 200, EXECUTING_NS, 512);
        enter(w, STAGE_ACCEPTING);
}

static int run_worker(const char *pool, uint64_t n_requests) {
        struct worker w = { .pool = pool, .stage = STAGE_CREATING, .clock = OTHER_NS };

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        enter(&w, STAGE_ACCEPTING);
        for (uint64_t i = 0; i < n_requests; i++)
                serve(&w);
        return 0;
}

int main(int argc, char *argv[]) {
        uint64_t n_workers, n_requests;
        int status, failed = 0;

        if (argc != 4 || number_parse_u64(argv[2], 1000, &n_workers) < 0 ||
            number_parse_u64(argv[3], UINT32_MAX, &n_requests) < 0)
                errx(2, "usage: emitter POOL WORKERS REQUESTS");
        puts("ready");
        fflush(stdout);
        if (getchar() == EOF)
                return 1;
        for (uint64_t i = 0; i < n_workers; i++)
                switch (fork()) {
                case -1:
                        err(1, "fork");
                case 0:
                        _exit(run_worker(argv[1], n_requests));
                default:
                        break;
                }
        while (wait(&status) > 0)
                failed |= status;
        return failed != 0;
}
