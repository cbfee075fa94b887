/* SPDX-License-Identifier: MIT */
/*
 * See last.h. Parks live on for as long as they have something, and their offers are an event of the master's while no
 * worker is there to take them. So it does not matter how a request got there, or when: half of it may have been in a
 * park for long, and a park that a reload has replaced is none whose numbers are known.
 */

#include "pool/last.h"

#include <string.h>
#include <sys/epoll.h>

#include "log/log.h"
#include "pool/cut.h"
#include "pool/generation.h"
#include "pool/news.h"
#include "pool/parking.h"
#include "pool/parks.h"
#include "pool/replace.h"
#include "pool/start.h"
#include "pool/workers.h"
#include "scoreboard/layout.h"
#include "untrusted/board.h"

/* Processes that are started to refuse, one after the other: one is enough, unless somebody ends it. */
#define LAST_REFUSALS 8U

/* A park finishes what it has, which takes a worker. How much that is is the pool's own word: a lie costs it a fork. */
static void last_provide(struct pool *p) {
        if (p->current &&
            (untrusted_board_park_has_work(p->scoreboard) || p->parks.given || parking_has_offers(&p->parks)))
                workers_provide(p->current);
}

/* Beside one that serves there is no use for another. */
static void last_drop_starting(struct pool *p, usec_t now) {
        const struct generation *g = p->current;

        if (p->starting && g && g->zygote.ready && g->zygote.pid > 0)
                generation_give_up(TAKE_PTR(p->starting), now);
}

void last_begin(struct pool *p, usec_t now) {
        parking_take_last(p, now);
        last_provide(p);
        p->last.settings = picture_settings(p);
        last_drop_starting(p, now);
}

void last_end(struct pool *p) {
        if (p->starting)
                generation_give_up(TAKE_PTR(p->starting), time_now());
        p->last.offered = sd_event_source_disable_unref(p->last.offered);
        p->last.settings = NULL;
}

static int last_on_offer(sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        picture_changed(userdata);
        return 0;
}

static void last_await_offer(struct pool *p) {
        int r;

        if (p->last.offered)
                r = sd_event_source_set_enabled(p->last.offered, SD_EVENT_ON);
        else {
                r = sd_event_add_io(p->env->event, &p->last.offered, p->parks.offers[0], EPOLLIN, last_on_offer, p);
                if (r >= 0)
                        r = sd_event_source_set_description(p->last.offered, "last-requests");
        }
        if (r < 0)
                log_error("[pool %s] cannot wait for the last requests, which may be lost: %s", p->name, strerror(-r));
}

/* A worker takes them, now or when it has finished what it has in hand. */
static bool last_has_worker(const struct pool *p) {
        for (const struct generation *g = p->generations; g; g = g->next)
                if (g->n_workers > 0)
                        return true;
        return false;
}

/* What is on its way to serve them: it gets a worker when PHP is up, and no other. False: there is none, or not any
 * more. */
static bool last_is_awaited(struct pool *p, usec_t now) {
        struct generation *g = p->starting;

        if (!g)
                return false;
        if (g->state == GENERATION_STARTING && !g->zygote.ready)
                return true;
        if (g->state == GENERATION_FAILED)
                log_error("[pool %s] PHP does not start for the last requests: %s", p->name,
                          g->reason ?: "out of memory");
        p->starting = NULL;
        p->last.tried = true;
        if (g->zygote.ready)
                workers_provide(g);
        if (g->n_workers == 0) {
                generation_end(g);
                return false;
        }
        news_of_drain(g);
        generation_drain(g, now);
        return true;
}

/* Once, and not before it is time for the next try. False: it cannot be. */
static bool last_start(struct pool *p, usec_t now) {
        struct generation *g = p->last.settings;
        int r;

        if (p->last.tried || now < replace_due(p))
                return false;
        p->last.tried = true;
        r = start_generation(
                p, &(struct start_settings){ .packed = g->packed, .n_packed = g->n_packed, .listeners = g->listeners },
                true);
        if (r < 0)
                log_error("[pool %s] cannot start PHP for the last requests: %s", p->name, strerror(-r));
        return r >= 0;
}

/* A process tells them that nobody serves them. */
static void last_refuse(struct pool *p, usec_t now) {
        if (parking_refuses(p))
                return;
        if (p->last.n_refusals++ < LAST_REFUSALS) {
                parking_refuse(p, p->last.settings, now);
                return;
        }
        log_error("[pool %s] nobody can tell clients that the pool stops, and their requests are lost", p->name);
        last_end(p);
}

usec_t last_supervise(struct pool *p, usec_t now) {
        usec_t until = cut_deadline(p);

        if (!p->stopping || !p->last.settings)
                return USEC_INFINITY;
        if (!parks_hold(&p->parks) && !parking_has_offers(&p->parks)) {
                last_end(p);
                return USEC_INFINITY;
        }
        if (now < until) {
                if (last_is_awaited(p, now) || last_has_worker(p))
                        return until;
                if (!parking_has_offers(&p->parks)) {
                        last_await_offer(p);
                        return until;
                }
                if (last_start(p, now))
                        return until;
        }
        if (p->starting)
                generation_give_up(TAKE_PTR(p->starting), now);
        if (!parking_has_offers(&p->parks))
                last_await_offer(p);
        else
                last_refuse(p, now);
        return USEC_INFINITY;
}
