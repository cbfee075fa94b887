/* SPDX-License-Identifier: MIT */
/*
 * Numbers are of the last look, a second ago at most. Who is idle and who has taken a connection is the workers' word
 * (untrusted/board.h), how many wait is the kernel's: a pool that lies is renewed for nothing, or not at all.
 */

#include "pool/health.h"

#include <inttypes.h>
#include <string.h>

#include "log/log.h"
#include "pool/sample.h"
#include "pool/weight.h"
#include "untrusted/board.h"

static const struct {
        const char *name;
        bool ready;
} health_states[] = {
#define X(symbol, name, ready) [HEALTH_##symbol] = { name, ready },
        HEALTH_STATES(X)
#undef X
};

const char *health_name(enum health_state state) {
        return health_states[state].name;
}

bool health_is_ready(enum health_state state) {
        return health_states[state].ready;
}

static void health_count(struct pool *p, usec_t now) {
        const struct generation *g = p->current;
        unsigned n_long;

        p->health.n_workers = 0;
        for (uint32_t i = 0; i < p->n_used; i++)
                p->health.n_workers += p->workers[i].generation == g && p->workers[i].state > WORKER_ASKED &&
                                       !p->workers[i].leaving && p->workers[i].ended == 0;
        sample_count_idle(g, 0, now, &p->health.n_idle, &n_long);
        p->health.n_idle = MIN(p->health.n_idle, p->health.n_workers);
        p->health.n_waiting = p->queue.now + untrusted_board_waiting(p->scoreboard);
}

/* Once for each time that it gets stuck: what a fresh generation does not mend, another one will not. */
static void health_renew(struct pool *p) {
        _cleanup_text_ struct text message = {};

        if (p->health.stuck_for < p->env->patience || p->health.renewed || p->starting || p->current->asleep)
                return;
        health_describe(p, &message);
        text_append(&message, "; it is renewed");
        log_write(&(struct log_entry){ .level = LOG_LEVEL_ERROR,
                                       .event = LOG_EVENT_POOL_STUCK,
                                       .pool = p->name,
                                       .message = text_peek(&message) });
        p->health.renewed = true;
        p->renew = true;
        picture_changed(p);
}

/* The one in charge does what it can, whatever becomes of the settings that are to follow. */
static bool health_is_renewed_later(const struct pool *p) {
        return p->renewal.state != RENEWAL_NONE && p->current && p->current->zygote.pid > 0;
}

void health_look(struct pool *p, usec_t now) {
        unsigned n_busy, n_max;

        if (!p->current || p->stopping)
                return;
        n_max = p->current->max_children;
        health_count(p, now);
        n_busy = p->health.n_workers - p->health.n_idle;
        p->health.weight =
                weight_smooth(p->health.weight, weight_percent(n_max - MIN(n_busy, n_max), n_max, p->queue.last_wait));
        p->health.stuck_for =
                stuck_look(&p->health.stuck,
                           &(struct stuck_look){ .now = now,
                                                 .taken = sample_count_taken(p),
                                                 .waiting = p->health.n_waiting,
                                                 .n_workers = p->health.n_workers,
                                                 .n_idle = p->health.n_idle,
                                                 .waits_for_start = p->starting || (p->starts.n_failed > 0 &&
                                                                                    !health_is_renewed_later(p)),
                                                 .has_no_room = p->env->process_max > 0 && p->health.n_workers == 0 &&
                                                                *p->env->n_workers >= p->env->process_max });
        p->health.renewed = p->health.renewed && p->health.stuck_for > 0;
        health_renew(p);
}

void health_set_drained(struct pool *p, bool drained) {
        if (p->health.drained == drained)
                return;
        p->health.drained = drained;
        log_notice("[pool %s] %s", p->name,
                   drained ? "drains: load balancers are told to send it nothing; what comes is served"
                           : "drains no more: load balancers are told to send it requests");
}

enum health_state health_state(const struct pool *p) {
        if (p->stopping)
                return HEALTH_STOPPING;
        if (p->health.drained)
                return HEALTH_DRAINING;
        if (!p->current)
                return p->starts.n_failed > 0 ? HEALTH_FAILING : HEALTH_STARTING;
        if (p->health.stuck_for > 0 && p->health.stuck_for >= p->env->patience)
                return HEALTH_STUCK;
        if (p->starts.n_failed > 0 && (p->current->asleep || (p->health.n_workers == 0 && !health_is_renewed_later(p))))
                return HEALTH_FAILING;
        return HEALTH_READY;
}

bool health_is_hopeless(const struct pool *p) {
        return health_state(p) == HEALTH_STUCK && p->health.stuck_for >= 2 * p->env->patience;
}

unsigned health_weight(const struct pool *p) {
        return p->current && p->current->asleep ? 100 : p->health.weight;
}

static void health_describe_workers(const struct pool *p, struct text *out) {
        if (p->current && p->current->asleep)
                text_append(out, "asleep until a client connects");
        else
                text_printf(out, "%u of %u workers busy, %" PRIu64 " connections wait",
                            p->health.n_workers - p->health.n_idle, p->health.n_workers, p->health.n_waiting);
}

static void health_describe_stuck(const struct pool *p, struct text *out) {
        text_printf(out, "%" PRIu64 " connections wait, and none has been taken for %" PRIu64 " s, though ",
                    p->health.n_waiting, p->health.stuck_for / USEC_PER_SEC);
        if (p->health.n_workers == 0)
                text_append(out, "a worker should have been forked");
        else
                text_printf(out, "%u of %u workers are idle", p->health.n_idle, p->health.n_workers);
}

void health_describe(const struct pool *p, struct text *out) {
        enum health_state state = health_state(p);

        text_printf(out, "%s: ", health_name(state));
        switch (state) {
        case HEALTH_READY:
        case HEALTH_DRAINING:
                health_describe_workers(p, out);
                break;
        case HEALTH_STUCK:
                health_describe_stuck(p, out);
                break;
        case HEALTH_FAILING:
                text_printf(out, "PHP does not start, tried %u times: %.*s", p->starts.n_failed,
                            (int)strcspn(p->starts.problem ?: "", "\n"), p->starts.problem ?: "");
                break;
        case HEALTH_STARTING:
                text_append(out, "no worker has accepted yet");
                break;
        case HEALTH_STOPPING:
                text_append(out, "requests in hand are finished");
                break;
        }
}
