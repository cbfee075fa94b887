/* SPDX-License-Identifier: MIT */
/* See parking.h. */

#include "pool/parking.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/shortage.h"
#include "base/text.h"
#include "conf/conf.h"
#include "log/log.h"
#include "pool/cut.h"
#include "pool/generation.h"
#include "pool/parks.h"
#include "pool/scale.h"

/* Parks that a pool gets while it sleeps, before somebody is taken to hand over what no worker does. */
#define PARKING_ASLEEP_FREE 3U

/* The delay from which on that is told. */
#define PARKING_ASLEEP_TOLD (400 * USEC_PER_MSEC)

/* How long the park of a pool that sleeps may take for what has been handed over to it, before that is looked at again.
 */
#define PARKING_LOOK USEC_PER_SEC

/* A message waits there: the end of all who send would be an event as well. */
static bool parking_can_read(int fd) {
        return fd_unread(fd) > 0;
}

static bool parking_has_arrivals(const struct parks *parks) {
        return parking_can_read(parks->intake[0]);
}

bool parking_has_offers(const struct parks *parks) {
        return parking_can_read(parks->offers[0]);
}

static int parking_on_arrival(sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        picture_changed(userdata);
        return 0;
}

/* The first hand-over is an event. */
static int parking_await(struct pool *p) {
        int r;

        if (p->parks.arrival)
                return sd_event_source_set_enabled(p->parks.arrival, SD_EVENT_ON);
        r = sd_event_add_io(p->env->event, &p->parks.arrival, p->parks.intake[0], EPOLLIN, parking_on_arrival, p);
        return r < 0 ? r : sd_event_source_set_description(p->parks.arrival, "first-hand-over");
}

/* True when a pool that is awake can do without a park for now. */
static bool parking_can_wait(struct generation *g) {
        const struct conf_pool *c = g->conf;

        return c->sleep_after > 0 && !conf_pool_limits_queue(c) && !parking_has_arrivals(&g->pool->parks) &&
               parking_await(g->pool) >= 0;
}

/* One with the settings of g, in place of the one that there is. When it is to be tried again. */
static usec_t parking_renew(struct generation *g, usec_t now) {
        struct pool *p = g->pool;
        struct park_process *old = parks_current(&p->parks);
        _cleanup_free_ char *key = parks_key(g);
        char why[SHORTAGE_TEXT_MAX];
        int r;

        if (!key || (old && text_equal(old->key, key)))
                return USEC_INFINITY;
        r = parks_start(g, key, false, now);
        if (r >= 0) {
                if (old)
                        parks_retire(old);
                return USEC_INFINITY;
        }
        log_error("[pool %s] cannot start a park: %s", p->name, shortage_describe(r, why));
        if (old)
                return USEC_INFINITY;
        p->parks.retry_at = now + scale_delay(SCALE_YOUNG_FREE + ++p->parks.n_young_dead);
        return p->parks.retry_at;
}

/* Its park may. */
static bool parking_may_get_more(const struct generation *asleep) {
        for (const struct generation *g = asleep->pool->generations; g; g = g->next)
                if (g != asleep && !generation_is_gone(g))
                        return true;
        return parking_has_arrivals(&asleep->pool->parks);
}

/* One for what has been handed over to a pool that sleeps. Native code of the pool may have left a process behind which
 * does that again and again: it waits, longer each time. When to look again. */
static usec_t parking_start_asleep(struct generation *g, usec_t now) {
        struct parks *parks = &g->pool->parks;
        usec_t delay;

        if (now < parks->asleep_at)
                return parks->asleep_at;
        delay = ++parks->n_asleep > PARKING_ASLEEP_FREE
                        ? scale_delay(SCALE_YOUNG_FREE + parks->n_asleep - PARKING_ASLEEP_FREE)
                        : 0;
        if (delay >= PARKING_ASLEEP_TOLD)
                log_warning("[pool %s] park number %u since the pool sleeps: a process that is no worker of it hands "
                            "connections over; the next park comes after %llu ms at least",
                            g->pool->name, parks->n_asleep, (unsigned long long)(delay / USEC_PER_MSEC));
        parks->asleep_at = now + delay;
        return MIN(parking_renew(g, now), now + PARKING_LOOK);
}

/* Of a pool that sleeps: what is handed over still, by workers that end or by the master, needs a park to take it. When
 * nobody is left to hand over, the park leaves, and ends with its last connection, whose next request wakes the pool.
 */
static usec_t parking_settle(struct generation *g, usec_t now) {
        struct parks *parks = &g->pool->parks;
        struct park_process *k = parks_current(parks);

        if (!k)
                return parking_has_arrivals(parks) ? parking_start_asleep(g, now) : USEC_INFINITY;
        if (parking_may_get_more(g))
                return now + PARKING_LOOK;
        parks_retire(k);
        return USEC_INFINITY;
}

usec_t parking_supervise(struct pool *p, usec_t now) {
        struct generation *g = picture_settings(p);

        if (p->stopping)
                return cut_parks(p, now);
        if (!g || p->parks.intake[0] < 0)
                return USEC_INFINITY;
        if (!parks_current(&p->parks) && now < p->parks.retry_at)
                return p->parks.retry_at;
        if (g->asleep && !p->starting)
                return parking_settle(g, now);
        p->parks.n_asleep = 0;
        p->parks.asleep_at = 0;
        if (!parks_current(&p->parks) && parking_can_wait(g))
                return USEC_INFINITY;
        return parking_renew(g, now);
}

void parking_take_last(struct pool *p, usec_t now) {
        struct generation *g = picture_settings(p);

        if (!g || p->parks.intake[0] < 0 || parks_current(&p->parks))
                return;
        (void)shutdown(p->parks.intake[0], SHUT_RD); /* what is sent from now on stays with its sender */
        if (parking_has_arrivals(&p->parks))
                (void)parking_renew(g, now);
}

static struct park_process *parking_refusing(const struct parks *parks) {
        struct park_process *k = parks->processes;

        while (k && !(k->refuses && !k->leaves))
                k = k->next;
        return k;
}

bool parking_refuses(const struct pool *p) {
        return parking_refusing(&p->parks);
}

void parking_refuse(struct pool *p, struct generation *settings, usec_t now) {
        _cleanup_free_ char *key = parks_key(settings);
        char why[SHORTAGE_TEXT_MAX];
        int r;

        if (parking_refusing(&p->parks))
                return;
        r = p->stopping ? 0 : parks_open(&p->parks);
        if (r == 0)
                r = key ? parks_start(settings, key, true, now) : -ENOMEM;
        if (r < 0)
                log_error("[pool %s] cannot tell clients that it does not start, and they wait: %s", p->name,
                          shortage_describe(r, why));
}

void parking_refuse_no_more(struct pool *p) {
        struct park_process *k = parking_refusing(&p->parks);

        if (!k)
                return;
        k->leaves = true;
        parks_retire(k);
}
