/* SPDX-License-Identifier: MIT */
/*
 * Acting on pool/timelimit.h. Requests are looked at in the scoreboard, which is not trusted: it says how long a
 * request has taken and what it is called, and a lie there ends or logs the liar's own pool. Whom to signal is the
 * master's own knowledge, and is done through the pidfd.
 */

#include "pool/requests.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log/log.h"
#include "pool/slowlog.h"
#include "pool/timelimit.h"
#include "pool/trace.h"
#include "scoreboard/read.h"
#include "scoreboard/slot.h"

/* A slot whose writer was at work is looked at again after this time, and so is one that the zygote has no time for. */
#define REQUESTS_RETRY (20 * USEC_PER_MSEC)

/* For how long a request is not yet told of as slow, since its zygote has enough to trace. When that hangs, it is told
 * without a backtrace. */
#define REQUESTS_PUT_OFF (5 * USEC_PER_SEC)

/* From one look to the next at least: slots that lie about their times cannot keep the master busy. */
#define REQUESTS_PAUSE (5 * USEC_PER_MSEC)

static struct timelimit_limits requests_limits(const struct generation *g) {
        const struct conf_pool *c = g->conf;

        return (struct timelimit_limits){ .terminate = c->request_terminate_timeout,
                                          .slow = c->request_slowlog_timeout,
                                          .track_finished = c->request_terminate_timeout_track_finished,
                                          .traceable = c->request_slowlog_timeout > 0 || c->process_dumpable };
}

static void requests_count_slow(struct pool *p) {
        struct scoreboard_header *h = &p->scoreboard->header;

        p->requests.n_slow++;
        slot_seq_begin(&h->seq);
        h->slow_requests = p->requests.n_slow;
        slot_seq_end(&h->seq);
}

static void requests_condemn(struct pool_worker *w, const struct scoreboard_slot *s, bool traceable, usec_t now) {
        char message[160];

        w->timelimit.condemned_at = now;
        w->timelimit.traced = !traceable;
        slowlog_say_limit(w, s, LOG_EVENT_REQUEST_TIMEOUT, now - MIN(s->request_mono, now));
        snprintf(message, sizeof(message), "child %d: stage \"%s\" for %.6f sec", w->pid, stage_info(s->stage)->label,
                 (double)(now - MIN(s->stage_mono, now)) / (double)USEC_PER_SEC);
        slowlog_say(w, s, LOG_EVENT_NONE, message);
}

/* Has one that is to end traced, once its zygote has time. True: it has not. */
static bool requests_trace_condemned(struct pool_worker *w, const struct scoreboard_slot *s) {
        if (!w->timelimit.condemned_at || w->timelimit.terminated_at || w->timelimit.traced || trace_is_last(w))
                return false;
        if (!w->trace && w->generation->zygote.n_tracing >= TRACE_ORDERS_MAX)
                return true;
        trace_ask(w, s, false, true);
        return false;
}

static void requests_act(struct pool_worker *w, enum timelimit_action action, const struct scoreboard_slot *s,
                         usec_t now) {

        w->last_acted = now;
        switch (action) {
        case TIMELIMIT_TELL_SLOW:
                w->timelimit.slow_told = true;
                slowlog_say_limit(w, s, LOG_EVENT_REQUEST_SLOW, now - MIN(s->request_mono, now));
                requests_count_slow(w->generation->pool);
                trace_ask(w, s, true, false);
                break;
        case TIMELIMIT_CONDEMN:
                requests_condemn(w, s, requests_limits(w->generation).traceable, now);
                break;
        case TIMELIMIT_TERMINATE:
                if (!w->timelimit.traced && !w->trace)
                        slowlog_say_trace(w, s, "no backtrace: the zygote has had no time for it\n");
                w->timelimit.terminated_at = now;
                syscall(SYS_pidfd_send_signal, w->pidfd, SIGTERM, NULL, 0);
                break;
        case TIMELIMIT_KILL:
                w->timelimit.killed = true;
                syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
                break;
        case TIMELIMIT_NOTHING:
                break;
        }
}

/* Requests often turn slow together, all by the same cause: then each waits for its turn. */
static bool requests_put_off(const struct generation *g, const struct scoreboard_slot *s, usec_t slow, usec_t now) {
        return g->zygote.n_tracing >= TRACE_ORDERS_MAX && now - MIN(s->request_mono, now) < slow + REQUESTS_PUT_OFF;
}

/* Does what is due for one worker. When it is to be looked at again. */
static usec_t requests_look_at(struct pool *p, uint32_t i, usec_t now) {
        struct pool_worker *w = &p->workers[i];
        struct scoreboard_slot s;
        struct timelimit_limits limits;
        struct timelimit_request request;
        usec_t retry_at = USEC_INFINITY;

        if (w->state <= WORKER_ASKED)
                return USEC_INFINITY;
        limits = requests_limits(w->generation);
        if (!limits.terminate && !limits.slow)
                return USEC_INFINITY;
        if (!scoreboard_read_slot_at_once(p->scoreboard, i, &s) && !w->timelimit.terminated_at)
                return now + REQUESTS_RETRY; /* it may be two requests in one */
        request = (struct timelimit_request){ .stage = s.stage, .id = s.request_id, .since = s.request_mono };
        if (timelimit_is_other(&w->timelimit, &request))
                w->timelimit = (struct timelimit_memory){ .id = request.id, .begun_after = w->last_acted };
        for (;;) {
                struct timelimit_plan plan;

                if (requests_trace_condemned(w, &s))
                        retry_at = now;
                timelimit_plan(&limits, &request, &w->timelimit, now, &plan);
                if (plan.action == TIMELIMIT_NOTHING)
                        return MIN(plan.wake_at, retry_at);
                if (plan.action == TIMELIMIT_TELL_SLOW && requests_put_off(w->generation, &s, limits.slow, now)) {
                        limits.slow = 0; /* its time to end is kept nevertheless */
                        retry_at = now + REQUESTS_RETRY;
                        continue;
                }
                requests_act(w, plan.action, &s, now);
        }
}

static void requests_set(struct pool *p, usec_t at);

static void requests_look(struct pool *p) {
        usec_t now = time_now(), at = USEC_INFINITY;

        for (uint32_t i = 0; i < p->n_used; i++)
                at = MIN(at, requests_look_at(p, i, now));
        requests_set(p, at == USEC_INFINITY ? at : MAX(at, now + REQUESTS_PAUSE));
}

static int requests_on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        requests_look(userdata);
        return 0;
}

static void requests_set(struct pool *p, usec_t at) {
        int r = 0;

        p->requests.at = at;
        if (!p->requests.timer) {
                if (at == USEC_INFINITY)
                        return;
                r = sd_event_add_time(p->env->event, &p->requests.timer, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_MSEC,
                                      requests_on_timer, p);
                if (r >= 0)
                        sd_event_source_set_description(p->requests.timer, "request-times");
        }
        if (r >= 0)
                r = sd_event_source_set_time(p->requests.timer, at);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->requests.timer,
                                                at == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("[pool %s] cannot set a timer: %s", p->name, strerror(-r));
}

void requests_arm(struct pool *p) {
        usec_t at = USEC_INFINITY, now = time_now();

        for (const struct generation *g = p->generations; g; g = g->next) {
                struct timelimit_limits limits = requests_limits(g);

                if (g->n_workers > 0)
                        at = MIN(at, timelimit_next_look(&limits, now));
        }
        if (at < (p->requests.timer ? p->requests.at : USEC_INFINITY))
                requests_set(p, at);
}

void requests_on_traced(struct generation *g, const struct untrusted_fact *fact) {
        struct pool *p = g->pool;

        if (trace_on_answer(g, fact) && p->workers[fact->slot].timelimit.condemned_at)
                requests_set(p, time_now()); /* it was kept for this; and the zygote has time for another one */
}
