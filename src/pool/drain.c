/* SPDX-License-Identifier: MIT */
/* Acts on timeouts_plan(): a generation that drains is told to end, then ended. */

#include "pool/drain.h"

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/program.h"
#include "log/log.h"
#include "pool/exits.h"
#include "pool/generation.h"
#include "pool/timeouts.h"

static void drain_log_cut(const struct generation *g) {
        char message[160];

        snprintf(message, sizeof(message),
                 "process_control_timeout is over: %u workers of generation %u still had requests in hand, and are "
                 "ended",
                 g->n_workers, g->number);
        /* php-fpm says nothing of it */
        log_write(&(struct log_entry){ .level = program_is_php_fpm() ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_DRAIN_TIMEOUT,
                                       .pool = g->pool->name,
                                       .message = message,
                                       .generation = g->number });
}

usec_t drain_generation(struct generation *g, usec_t now) {
        struct timeouts_input in = { .step = g->drain.step,
                                     .since = g->drain.since,
                                     .control_timeout = g->pool->env->control_timeout,
                                     .now = now };
        struct timeouts_plan plan;

        if (!g->drain.begun)
                return USEC_INFINITY;
        timeouts_plan(&in, &plan);
        if (plan.step == g->drain.step)
                return plan.wake_at;
        g->drain.step = plan.step;
        g->drain.since = now;
        if (plan.step == TIMEOUTS_TERMINATED) {
                if (g->n_workers > 0)
                        drain_log_cut(g);
                generation_end(g);
        } else if (plan.step == TIMEOUTS_LEFT)
                exits_leave_behind(g);
        else {
                generation_signal(g, SIGKILL);
                if (g->zygote.pid > 0)
                        syscall(SYS_pidfd_send_signal, g->zygote.pidfd, SIGKILL, NULL, 0);
        }
        return plan.wake_at;
}
