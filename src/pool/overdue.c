/* SPDX-License-Identifier: MIT */
/* What a zygote owes and does not give: its first workers in time, an answer to an order, news of a worker's end. */

#include "pool/overdue.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log/log.h"
#include "pool/exits.h"
#include "pool/generation.h"
#include "pool/timeouts.h"

/* How long a generation may take until its first workers accept. */
#define OVERDUE_START (60 * USEC_PER_SEC)

/* When the first answer that a zygote owes is overdue. Orders are answered one after the other, so each answer gives
 * the next one time; the end of a worker is told at once. */
static usec_t overdue_answer_at(const struct generation *g) {
        const struct pool *p = g->pool;
        usec_t since = g->zygote.n_tracing > 0 ? MAX(g->zygote.trace_since, g->zygote.heard) : USEC_INFINITY;

        for (uint32_t i = 0; i < p->n_used; i++) {
                const struct pool_worker *w = &p->workers[i];
                usec_t owed = w->state == WORKER_ASKED ? MAX(w->started, g->zygote.heard) : w->ended;

                if (w->generation == g && owed > 0)
                        since = MIN(since, owed);
        }
        return since == USEC_INFINITY ? since : since + TIMEOUTS_ANSWER;
}

/* It has been killed. */
static usec_t overdue_end(struct generation *g, usec_t now) {
        if (now < g->zygote.given_up + TIMEOUTS_LEAVE_BEHIND)
                return g->zygote.given_up + TIMEOUTS_LEAVE_BEHIND;
        exits_leave_zygote(g);
        return now; /* a successor is to be started */
}

/* A zygote that is stopped or hangs: nobody forks for its pool, and nobody waits for its workers. */
usec_t overdue_answer(struct generation *g, usec_t now) {
        usec_t due;

        if (g->zygote.pid > 0 && g->zygote.given_up > 0)
                return overdue_end(g, now);
        if (g->zygote.pid == 0 || g->zygote.n_asked + g->zygote.n_tracing + g->zygote.n_ended == 0)
                return USEC_INFINITY;
        due = overdue_answer_at(g);
        if (now < due)
                return due;
        g->zygote.given_up = now;
        log_error("[pool %s] zygote %d has not answered for %llu seconds (%u orders to fork, %u workers that have "
                  "ended); "
                  "ending it",
                  g->pool->name, g->zygote.pid, (unsigned long long)((now - due + TIMEOUTS_ANSWER) / USEC_PER_SEC),
                  g->zygote.n_asked, g->zygote.n_ended);
        syscall(SYS_pidfd_send_signal, g->zygote.pidfd, SIGKILL, NULL, 0);
        return now + TIMEOUTS_LEAVE_BEHIND;
}

usec_t overdue_start(struct generation *g, usec_t now) {
        usec_t due;

        if (g->state != GENERATION_STARTING || g->started == 0)
                return USEC_INFINITY;
        due = g->started + OVERDUE_START + (conf_model_prepares(g->conf) ? g->conf->worker_boot_timeout : 0);
        if (now < due)
                return due;
        generation_fail(g, conf_model_prepares(g->conf) ? "its first workers have not booted in time"
                                                        : "its first workers did not accept within 60 seconds");
        return now; /* the one that waits for it looks again */
}
