/* SPDX-License-Identifier: MIT */
/*
 * It looks at the pools' numbers, a few times in the limit. These are the pools' own word, so each pool is compared
 * with itself, and no two numbers that mean something are added up: one that lies holds up the end for as long as it
 * likes, and hides no other one's work. Between the last look and the end a connection may come: the end is the one of
 * SIGQUIT, in which a worker serves what it has taken, the park what it holds, and what nobody has taken stays in the
 * queue of a socket that is open in the service manager too.
 *
 * A worker that keeps a connection after its request shows it nowhere until it gives it to the park, a second later: so
 * that second comes on top, unless the limit itself is shorter.
 */

#include "master/idle.h"

#include <inttypes.h>
#include <poll.h>

#include "log/log.h"
#include "master/master.h"
#include "status/snapshot.h"

#define LOOKS          8 /* in the limit */
#define LOOK_MIN       (10 * USEC_PER_MSEC)
#define LOOK_MAX       USEC_PER_SEC
#define KEPT_BY_WORKER USEC_PER_SEC

bool idle_is_over(struct idle_memory *memory, usec_t limit, const struct idle_counts *counts, usec_t now) {
        usec_t longer = limit >= KEPT_BY_WORKER ? KEPT_BY_WORKER : 0;

        if (counts->busy || counts->done != memory->done || !memory->since)
                memory->since = now;
        memory->done = counts->done;
        return now - memory->since >= limit + longer;
}

/* Whether a connection waits at a socket: workers may be on their way to it. */
static bool idle_is_waited_at(const struct listen_set *s) {
        for (size_t i = 0; i < s->n; i++) {
                struct pollfd p = { .fd = s->fds[i], .events = POLLIN };

                if (poll(&p, 1, 0) != 0)
                        return true;
        }
        return false;
}

/* Nothing may be in hand; its numbers are a pool's own, and a sum could come to nothing. */
static bool idle_is_held(const struct status_snapshot *s) {
        const uint64_t held[] = { s->n_active, s->park[SCOREBOARD_PARK_idle], s->park[SCOREBOARD_PARK_receiving],
                                  s->park[SCOREBOARD_PARK_waiting], s->park[SCOREBOARD_PARK_writing] };

        for (size_t i = 0; i < ELEMENTSOF(held); i++)
                if (held[i] > 0)
                        return true;
        return false;
}

/* The sum may wrap: it is only compared with the one before. */
static struct idle_counts idle_count(const struct master_pool *mp, usec_t now) {
        struct idle_counts counts = { .busy = mp->state != STATE_POOL_SERVES || !mp->listeners->inherited ||
                                              idle_is_waited_at(mp->listeners) };
        _cleanup_snapshot_ struct status_snapshot s = {};

        if (status_snapshot_take_at_once(mp->pool->scoreboard, mp->pool->n_used, now, 0, &s) < 0) {
                counts.busy = true; /* who cannot look does not know */
                return counts;
        }
        counts.busy |= idle_is_held(&s);
        counts.done = s.connections + s.requests + s.park[SCOREBOARD_PARK_parked] + s.park[SCOREBOARD_PARK_offered];
        return counts;
}

bool idle_look(struct master *m, usec_t now) {
        bool busy = m->state != STATE_RUNNING || m->reload.wishes.any, over = true;

        for (size_t i = 0; i < m->n_pools; i++) {
                struct idle_counts counts = idle_count(m->pools[i], now);

                counts.busy |= busy;
                over &= idle_is_over(&m->pools[i]->idle, m->idle.limit, &counts, now);
        }
        return over && !busy;
}

static usec_t idle_period(const struct master *m) {
        usec_t part = MAX(m->idle.limit / LOOKS, LOOK_MIN);

        return MIN(part, LOOK_MAX);
}

static int idle_on_look(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct master *m = userdata;
        usec_t now = time_now();

        if (m->state == STATE_STOPPING)
                return 0;
        if (!idle_look(m, now)) {
                int r = sd_event_source_set_time(s, now + idle_period(m));

                return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        }
        log_own("nobody has connected for %" PRIu64 " ms: ends, and the next connection starts it",
                m->idle.limit / USEC_PER_MSEC);
        master_stop(m, false);
        return 0;
}

int idle_attach(struct master *m, struct text *problems) {
        int r = 0;

        m->idle.limit = m->options->exit_idle;
        if (m->idle.limit == 0)
                return 0;
        for (size_t i = 0; i < m->n_pools; i++) {
                if (m->pools[i]->listeners->inherited)
                        continue;
                text_printf(problems,
                            "option --exit-idle-time: pool '%s' makes its socket itself, so no connection would start "
                            "the service again; it needs a socket unit\n",
                            m->pools[i]->pool->name);
                r = LISTEN_E_PROBLEM;
        }
        if (r != 0)
                return r;
        r = sd_event_add_time(m->event, &m->idle.source, CLOCK_MONOTONIC, time_now() + idle_period(m), USEC_PER_MSEC,
                              idle_on_look, m);
        if (r < 0)
                return r;
        sd_event_source_set_description(m->idle.source, "exit-idle");
        return 0;
}
