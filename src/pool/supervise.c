/* SPDX-License-Identifier: MIT */
/*
 * A pool over time. Callbacks translate an event into a change of the picture; supervise_pool() then
 * brings the world in line with it, whatever the event was. Zygotes' messages are in messages.c, ends of processes are
 * in exits.c.
 */

#include "pool/supervise.h"

#include <stdio.h>
#include <string.h>

#include "conf/types.h"
#include "log/log.h"
#include "pool/budget.h"
#include "pool/drain.h"
#include "pool/generation.h"
#include "pool/last.h"
#include "pool/output.h"
#include "pool/overdue.h"
#include "pool/parking.h"
#include "pool/renewal.h"
#include "pool/replace.h"
#include "pool/requests.h"
#include "pool/resize.h"
#include "pool/wake.h"
#include "scoreboard/slot.h"

/* True when there was one. */
static bool supervise_forget_gone(struct pool *p) {
        bool any = false;

        for (struct generation **link = &p->generations; *link;) {
                struct generation *g = *link;

                if (!generation_is_gone(g) || g == p->current || g == p->starting || g == p->wanted ||
                    g == p->last.settings) {
                        link = &g->next;
                        continue;
                }
                *link = g->next;
                log_debug("[pool %s] generation %u is gone", p->name, g->number);
                generation_free(g);
                any = true;
        }
        return any;
}

/* What readers of the scoreboard see of the master's numbers. */
static void supervise_publish(struct pool *p) {
        struct scoreboard_header *h = &p->scoreboard->header;
        const struct generation *g = picture_settings(p);

        slot_seq_begin(&h->seq);
        h->n_used = p->n_used;
        h->reloads = p->n_reloads;
        h->workers_died = p->deaths.n;
        h->workers_oom = p->deaths.n_oom;
        h->max_children_reached = p->n_max_reached;
        h->max_listen_queue = p->queue.most;
        h->failed_starts = p->starts.n_failed;
        if (g) {
                h->generation = g->number;
                h->max_children = g->max_children;
                snprintf(h->pm, sizeof(h->pm), "%s", conf_type_pm_name(g->conf->pm));
        }
        slot_seq_end(&h->seq);
}

static int supervise_on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        picture_changed(userdata);
        return 0;
}

static void supervise_arm(struct pool *p, usec_t at) {
        int r;

        if (!p->timer && at == USEC_INFINITY)
                return;
        if (!p->timer) {
                r = sd_event_add_time(p->env->event, &p->timer, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_MSEC,
                                      supervise_on_timer, p);
                if (r >= 0)
                        sd_event_source_set_description(p->timer, "pool-timer");
        } else
                r = 0;
        if (r >= 0)
                r = sd_event_source_set_time(p->timer, at);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->timer, at == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("[pool %s] cannot set a timer: %s", p->name, strerror(-r));
}

/* What its generations need of pool.budget from others. */
static void supervise_claim(struct pool *p) {
        unsigned n = 0;

        for (const struct generation *g = p->generations; g; g = g->next)
                if ((g == p->current || g == p->starting) && !g->drain.begun)
                        n += g->scale.claims;
        p->claim.owner = p;
        budget_claim(p->env->budget, &p->claim, p->stopping ? 0 : n);
}

void supervise_pool(struct pool *p) {
        usec_t at, now;

        renewal_supervise(p, time_now());
        at = replace_zygote(p, time_now());
        now = time_now(); /* a promotion above has begun drains */
        at = MIN(at, last_supervise(p, now));
        at = MIN(at, wake_supervise(p, now));
        at = MIN(at, wake_supervise_turn(p, now));
        at = MIN(at, parking_supervise(p, now));
        for (struct generation *g = p->generations; g; g = g->next) {
                at = MIN(at, overdue_start(g, now));
                at = MIN(at, resize_generation(g, now));
                at = MIN(at, resize_cut_leaving(g, now));
                at = MIN(at, drain_generation(g, now));
                at = MIN(at, overdue_answer(g, now));
                at = MIN(at, output_supervise(g, now));
        }
        supervise_claim(p);
        if (supervise_forget_gone(p))
                at = now; /* who waited for that looks again */
        supervise_publish(p);
        supervise_arm(p, at);
        requests_arm(p);
}
