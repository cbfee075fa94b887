/* SPDX-License-Identifier: MIT */
/*
 * How many workers; see scale.h. No clock, no system call, no log. A mode says how many it wants and who may end;
 * limits that all modes share (the room beside other generations, process.max, pool.budget, the delay of a crash loop)
 * are applied to that at the end.
 */

#include "pool/scale.h"

#include "base/macros.h"

unsigned scale_least(unsigned max_children) {
        return MAX(1U, max_children / 4U);
}

unsigned scale_first(const struct conf_pool *conf, unsigned max_children, bool replacing) {
        unsigned start = MIN(conf->start_servers, max_children);

        switch (conf->pm) {
        case CONF_PM_ONDEMAND:
                return conf->worker_script ? 1 : 0; /* whether it boots is known before it is needed */
        case CONF_PM_DYNAMIC:
                return replacing ? scale_least(start) : start;
        default:
                return replacing ? scale_least(max_children) : max_children;
        }
}

struct scale_state scale_begin(const struct conf_pool *conf) {
        return (struct scale_state){ .target = conf->start_servers, .rate = 1, .surge = 1 };
}

unsigned scale_count_young(unsigned n_young_dead, usec_t age) {
        return age < SCALE_YOUNG ? n_young_dead + 1 : 0;
}

usec_t scale_delay(unsigned n_young_dead) {
        usec_t delay = SCALE_DELAY_FIRST;

        if (n_young_dead <= SCALE_YOUNG_FREE)
                return 0;
        for (unsigned i = SCALE_YOUNG_FREE + 1; i < n_young_dead && delay < SCALE_DELAY_LONGEST; i++)
                delay *= 2;
        return MIN(delay, SCALE_DELAY_LONGEST);
}

/* Workers that stay. */
static unsigned scale_staying(const struct scale_input *in) {
        return in->n_workers - in->n_leaving;
}

/* The number wanted when n more are needed, at most cap; the rate or surge that said so doubles. */
static unsigned scale_grow(const struct scale_input *in, unsigned n, unsigned cap, unsigned *rate,
                           struct scale_plan *ret) {
        unsigned staying = scale_staying(in), most = MAX(in->max_spawn_rate, 1U);

        if (staying >= cap) {
                ret->reached_max = !ret->state.at_max;
                ret->state.at_max = true;
                *rate = 1;
                return staying;
        }
        ret->state.at_max = false;
        ret->busy = *rate >= SCALE_BUSY_RATE;
        *rate = MIN(*rate * 2, most);
        return MIN(staying + n, cap);
}

/* How long connections may wait for the workers there are: those on their way, idle ones (not for ever: they may be
 * idle in what they say alone), busy ones that may be done this moment. */
static usec_t scale_wait_limit(const struct scale_input *in) {
        if (in->n_pending > 0)
                return SCALE_ROUND;
        if (in->n_idle > 0)
                return SCALE_PATIENCE;
        return scale_staying(in) > 0 ? SCALE_LOOK : 0;
}

/* A wait begins: it is over, too, for all that wait now, when so many more have been taken. */
static void scale_begin_wait(const struct scale_input *in, struct scale_state *s) {
        s->waiting_since = in->now;
        s->taken_until = in->taken + in->waiting;
}

/* True when connections wait for workers that are not there. */
static bool scale_saturated(const struct scale_input *in, unsigned cap, struct scale_plan *ret) {
        unsigned n_there = in->n_workers - in->n_pending;
        usec_t limit = scale_wait_limit(in);
        struct scale_state *s = &ret->state;
        bool more = n_there > s->n_there;

        s->n_there = n_there;

        if (!in->waiting) {
                s->waiting_since = 0;
                s->surge = 1;
                return false;
        }
        /* A worker that has just come has had no time to take one. Idle workers that take what comes are there: a look
         * that comes with a connection sees that one wait, each time another one. */
        if (s->waiting_since == 0 || more || (in->n_idle > 0 && in->taken >= s->taken_until))
                scale_begin_wait(in, s);
        if (in->n_workers < cap) /* else there is nothing to do before a worker ends */
                ret->wake_at = in->now + SCALE_LOOK;
        if (in->now - s->waiting_since < limit)
                return false;
        scale_begin_wait(in, s);
        return true;
}

/* Each connection that waits needs one worker, and who is idle or on its way has had its time to take one. */
static unsigned scale_surge(const struct scale_input *in, unsigned cap, struct scale_plan *ret) {
        struct scale_state *s = &ret->state;

        return scale_grow(in, MIN(s->surge, in->waiting), cap, &s->surge, ret);
}

/* True once a second. */
static bool scale_round(const struct scale_input *in, struct scale_plan *ret) {
        struct scale_state *s = &ret->state;
        bool due = s->round_at > 0 && in->now >= s->round_at;

        if (due || s->round_at == 0)
                s->round_at = in->now + SCALE_ROUND;
        ret->wake_at = MIN(ret->wake_at, s->round_at);
        ret->is_round = due;
        return due;
}

static void scale_raise(struct scale_state *s, unsigned target) {
        s->target = MAX(s->target, target);
}

static void scale_dynamic_round(const struct scale_input *in, unsigned cap, struct scale_plan *ret) {
        unsigned spare = in->n_idle + in->n_pending;
        struct scale_state *s = &ret->state;

        if (spare < in->min_spare) {
                unsigned missing = in->min_spare - spare;

                scale_raise(s, scale_grow(in, MIN(s->rate, missing), cap, &s->rate, ret));
                return;
        }
        s->rate = 1;
        if (spare > in->max_spare && in->n_idle > 0)
                ret->end = 1;
        else if (in->idle_timeout > 0 && spare > in->min_spare && in->n_idle_long > 0) {
                ret->end = 1;
                ret->end_idle_for = in->idle_timeout;
        }
        if (ret->end > 0)
                s->target = scale_staying(in) - ret->end;
}

/* Memory is short: no spare worker beyond those that there must be. */
static void scale_dynamic_press(const struct scale_input *in, struct scale_plan *ret) {
        ret->end = MIN(in->n_idle + in->n_pending - in->min_spare, in->n_idle);
        ret->state.target = scale_staying(in) - ret->end;
}

/* How many it wants, those that are told to end now included. */
static unsigned scale_dynamic(const struct scale_input *in, unsigned cap, struct scale_plan *ret) {
        struct scale_state *s = &ret->state;

        bool saturated = scale_saturated(in, cap, ret), round = scale_round(in, ret);

        if (saturated)
                scale_raise(s, scale_surge(in, cap, ret));
        else if (in->pressed && in->waiting == 0 && in->n_idle + in->n_pending > in->min_spare && in->n_idle > 0)
                scale_dynamic_press(in, ret);
        else if (round)
                scale_dynamic_round(in, cap, ret);
        return MIN(s->target + ret->end, cap);
}

static unsigned scale_ondemand(const struct scale_input *in, unsigned cap, struct scale_plan *ret) {
        struct scale_state *s = &ret->state;
        bool saturated = scale_saturated(in, cap, ret), round = in->n_workers > 0 && scale_round(in, ret);

        if (saturated)
                return scale_surge(in, cap, ret);
        if (in->n_workers == 0)
                s->round_at = 0;
        else if (round || in->pressed) {
                unsigned n = in->pressed ? in->n_idle : in->n_idle_long;

                ret->end = n - MIN(n, in->waiting);
                ret->end_idle_for = in->pressed ? 0 : in->idle_timeout;
        }
        return scale_staying(in);
}

/* A claim holds for as long as clients wait, and the pool may have more. */
static void scale_keep_claims(const struct scale_input *in, unsigned cap, struct scale_plan *ret) {
        if (!in->has_budget || in->waiting == 0 || scale_staying(in) >= cap)
                ret->state.claims = 0;
}

/* What pool.budget leaves, and one for a pool that has none. It claims as many from others as there are clients that
 * wait: what it only would like to have it gets when somebody's worker has ended anyway. */
static void scale_to_budget(const struct scale_input *in, struct scale_plan *ret) {
        bool has_none = in->n_workers + in->n_others == 0;
        unsigned n = MAX(in->n_budget, has_none ? 1U : 0U);

        if (!in->has_budget || ret->spawn <= n) {
                ret->state.at_budget = false;
                ret->state.claims = 0;
                return;
        }
        ret->state.claims = MIN(ret->spawn - n, in->waiting);
        ret->reached_budget = !ret->state.at_budget;
        ret->state.at_budget = true;
        ret->spawn = n;
        ret->wake_at = in->now + SCALE_RETRY;
}

/* What process.max leaves. The first workers of a generation that replaces another are above it, as they are above
 * pm.max_children: the others end only when these accept. */
static void scale_to_limits(const struct scale_input *in, struct scale_plan *ret) {
        bool above = in->starting && in->n_others > 0;

        if (!above)
                scale_to_budget(in, ret);
        if (above || ret->spawn <= in->n_left) {
                if (ret->spawn > 0)
                        ret->state.at_process_max = false;
                return;
        }
        ret->spawn = in->n_left;
        ret->reached_process_max = !ret->state.at_process_max;
        ret->state.at_process_max = true;
        ret->wake_at = in->now + SCALE_RETRY; /* another pool's worker may have ended */
}

/* A maximum that has become less (auto): idle workers above it end. */
static void scale_to_maximum(const struct scale_input *in, struct scale_plan *ret) {
        unsigned staying = scale_staying(in), above = staying > in->max_children ? staying - in->max_children : 0;

        if (in->starting || above == 0)
                return;
        if (ret->end < MIN(above, in->n_idle)) {
                ret->end = MIN(above, in->n_idle);
                ret->end_idle_for = 0;
        }
        if (above > ret->end)
                ret->wake_at = MIN(ret->wake_at, in->now + SCALE_ROUND);
}

void scale_plan(const struct scale_input *in, struct scale_plan *ret) {
        unsigned room = in->max_children > in->n_others ? in->max_children - in->n_others : 0;
        unsigned cap = MAX(room, scale_least(in->max_children)); /* both are at most max_children */
        usec_t delay = scale_delay(in->n_young_dead);
        unsigned want;

        *ret = (struct scale_plan){ .wake_at = USEC_INFINITY, .state = in->state };
        if (in->starting)
                want = in->n_first;
        else if (in->pm == CONF_PM_DYNAMIC)
                want = scale_dynamic(in, cap, ret);
        else if (in->pm == CONF_PM_ONDEMAND)
                want = scale_ondemand(in, cap, ret);
        else
                want = cap;

        scale_to_maximum(in, ret);
        scale_keep_claims(in, cap, ret);
        /* those that leave still count towards the maximum */
        want = MIN(want, cap > in->n_leaving ? cap - in->n_leaving : 0);
        if (want <= scale_staying(in))
                return;
        if (delay > 0) {
                bool trying = in->last_try > in->last_death;
                usec_t due = trying ? in->last_try + SCALE_YOUNG : in->last_death + delay;

                if (in->now < due) {
                        ret->wake_at = due;
                        ret->state.claims = 0; /* what it may not use yet is others' */
                        return;
                }
                ret->is_over = trying;
                ret->is_try = !trying;
        }
        ret->spawn = ret->is_try ? 1 : want - scale_staying(in);
        scale_to_limits(in, ret);
}
