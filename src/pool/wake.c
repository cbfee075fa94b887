/* SPDX-License-Identifier: MIT */
/* See wake.h. When to go to sleep is decided in sleep.c, whose turn it is in ration.c. */

#include "pool/wake.h"

#include <string.h>

#include "log/log.h"
#include "pool/backlog.h"
#include "pool/generation.h"
#include "pool/parking.h"
#include "pool/replace.h"
#include "pool/sample.h"
#include "pool/sleep.h"
#include "pool/start.h"
#include "untrusted/board.h"

/* Whoever takes longer to start PHP has had its turn: it may wait for something else than a CPU. */
#define WAKE_TURN USEC_PER_SEC

static int wake_on_next_turn(_unused_ sd_event_source *s, void *userdata) {
        struct wakes *w = userdata;
        struct ration_turn *turn;

        while ((turn = ration_next(&w->ration)))
                picture_changed(turn->owner);
        return 0;
}

int wake_init(struct wakes *w, sd_event *event, unsigned n_at_once) {
        int r;

        *w = (struct wakes){ .ration = { .limit = n_at_once } };
        r = lookout_init(&w->lookout, event);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &w->next_turn, wake_on_next_turn, w);
        if (r < 0)
                return r;
        sd_event_source_set_description(w->next_turn, "next-turn");
        return sd_event_source_set_enabled(w->next_turn, SD_EVENT_OFF);
}

void wake_done(struct wakes *w) {
        lookout_done(&w->lookout);
        w->next_turn = sd_event_source_disable_unref(w->next_turn);
}

/* The next one's turn comes when no callback of this pool is on the stack any more. */
static void wake_give_back(struct pool *p) {
        struct wakes *w = p->env->wakes;

        ration_give_back(&w->ration, &p->wake.turn);
        if (w->ration.first)
                sd_event_source_set_enabled(w->next_turn, SD_EVENT_ONESHOT);
}

usec_t wake_supervise_turn(struct pool *p, usec_t now) {
        const struct generation *g = p->starting;

        if (g && g->state == GENERATION_STARTING && g->started == 0)
                start_in_turn(p);
        if (g && g->state == GENERATION_STARTING && (g->started == 0 || now < g->started + WAKE_TURN))
                return g->started == 0 ? USEC_INFINITY : g->started + WAKE_TURN;
        wake_give_back(p);
        return g && g->state == GENERATION_FAILED && p->starting_is_replacement ? now : USEC_INFINITY;
}

void wake_forget(struct pool *p) {
        lookout_end(&p->env->wakes->lookout, p);
        wake_give_back(p);
}

static struct start_settings wake_settings(const struct pool *p) {
        const struct generation *g = p->current;

        return (struct start_settings){ .packed = g->packed, .n_packed = g->n_packed, .listeners = g->listeners };
}

/* Nothing of the pool is on its way. */
static bool wake_is_settled(const struct pool *p) {
        const struct generation *g = p->current;

        return p->generations == g && !g->next && !p->starting && !p->prepared && !p->renew &&
               p->renewal.state == RENEWAL_NONE && g->state == GENERATION_ACCEPTING && g->zygote.pid > 0 &&
               g->zygote.n_asked + g->zygote.n_tracing + g->zygote.n_ended == 0 && g->n_leaving == 0 && !g->relayed;
}

static bool wake_may_sleep(struct pool *p, usec_t now, usec_t *ret_wake_at) {
        struct generation *g = p->current;
        struct sleep_input in = {
                .sleep_after = g->conf->sleep_after,
                .keeps_workers = g->conf->pm != CONF_PM_ONDEMAND,
                .is_settled = wake_is_settled(p),
                .is_trial = g->trial && p->n_asked == 0,
                .is_pressed = now < p->env->pressed_until,
                .n_workers = g->n_workers,
                .now = now,
        };
        unsigned n_idle;

        g->unused_since = g->n_workers > 0 ? 0 : g->unused_since > 0 ? g->unused_since : now;
        in.unused_since = g->unused_since;
        if (in.sleep_after > 0 && in.is_settled) {
                sample_count_idle(g, in.sleep_after, now, &n_idle, &in.n_idle_long);
                in.waiting = backlog_count(g);
        }
        return sleep_plan(&in, ret_wake_at);
}

static void wake_go_to_sleep(struct pool *p) {
        const struct start_settings settings = wake_settings(p);
        int r = start_asleep(p, &settings);

        if (r < 0)
                log_error("[pool %s] cannot go to sleep: %s", p->name, strerror(-r));
        else {
                log_debug("[pool %s] goes to sleep", p->name);
                p->offers.unsettled = true; /* of the last looks of its workers nobody has looked at the counts */
        }
}

static usec_t wake_go_to_sleep_in_time(struct pool *p, usec_t now) {
        usec_t at;

        if (!wake_may_sleep(p, now, &at))
                return at;
        if (untrusted_board_park_has_work(p->scoreboard)) /* a request has begun; of its end there is no event */
                return now + SLEEP_LOOK;
        wake_go_to_sleep(p);
        return p->current->asleep ? USEC_INFINITY : now + USEC_PER_SEC;
}

/* A pool whose listeners cannot be watched does not sleep. */
static void wake_watch(struct pool *p) {
        struct generation *g = p->current && p->current->asleep && !p->stopping ? p->current : NULL;
        struct lookout *l = &p->env->wakes->lookout;
        int r = 0;

        if (p->wake.watched == g)
                return;
        if (g)
                r = lookout_begin(l, p, g);
        else
                lookout_end(l, p);
        if (r < 0)
                log_error("[pool %s] cannot watch its listeners, and wakes up: %s", p->name, strerror(-r));
        p->wake.failed = r < 0;
}

/* PHP has not started when clients wanted it: until it is tried again they are told that. */
static usec_t wake_refuse(struct pool *p, bool waiting, usec_t now) {
        usec_t at = replace_due(p);

        if (p->starts.n_failed == 0 || now >= at) {
                parking_refuse_no_more(p);
                return 0;
        }
        if (waiting)
                parking_refuse(p, p->current, now);
        return at;
}

static bool wake_lets_pass(struct pool *p) {
        const struct lookout *l = &p->env->wakes->lookout;
        const struct sleep_client client = {
                .has_let_pass = p->wake.lets_pass,
                .is_told = l->tells,
                .others_wait = lookout_has_more(l),
        };

        p->wake.lets_pass = sleep_lets_pass(&client);
        return p->wake.lets_pass;
}

static usec_t wake_up(struct pool *p, usec_t now) {
        const struct start_settings settings = wake_settings(p);
        bool waiting = backlog_count(p->current) > 0 || p->wake.failed;
        usec_t at = wake_refuse(p, waiting, now);
        int r;

        if (at > 0)
                return at;
        if (!waiting)
                return USEC_INFINITY;
        if (wake_lets_pass(p))
                return now + USEC_PER_MSEC;
        log_debug("[pool %s] wakes up", p->name);
        sample_begin(p);
        r = start_generation(p, &settings, true);
        if (r >= 0)
                return p->starting->state == GENERATION_FAILED ? now : USEC_INFINITY;
        log_error("[pool %s] cannot wake up: %s", p->name, strerror(-r));
        replace_note_failure(p, strerror(-r), now);
        return now;
}

usec_t wake_supervise(struct pool *p, usec_t now) {
        usec_t at = USEC_INFINITY;

        if (p->current && !p->current->asleep && !p->stopping)
                at = wake_go_to_sleep_in_time(p, now);
        wake_watch(p);
        if (p->current && p->current->asleep && !p->stopping && !p->starting)
                at = MIN(at, wake_up(p, now));
        return at;
}

bool wake_is_quiet(const struct pool *p) {
        return p->current && p->current->asleep && !p->current->next && p->generations == p->current && !p->starting &&
               !p->parks.processes && p->losses.since == 0 && !p->offers.unsettled;
}
