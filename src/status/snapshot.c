/* SPDX-License-Identifier: MIT */
/*
 * From a scoreboard to numbers. The scoreboard's users can write anything into it, so nothing is believed that can be
 * counted instead: processes are counted from the slots, never read from the header, and a time that lies in the future
 * is no time at all. Cumulative counters are added over all slots, since they outlive their workers.
 *
 * The answer is one moment only slot by slot: workers go on while they are read. Each row was true when it was copied.
 */

#include "status/snapshot.h"

#include <errno.h>
#include <string.h>

#include "base/number.h"
#include "scoreboard/offered.h"
#include "scoreboard/read.h"

static uint64_t snapshot_since(usec_t now, uint64_t then) {
        return then == 0 || then > now ? 0 : now - then;
}

/* Counters that go on over a restart of the service. */
static void snapshot_add_earlier(struct status_snapshot *s, const struct scoreboard_earlier *e) {
        s->requests += e->requests;
        s->connections += e->connections;
        s->duration_sum += e->duration_sum;
        for (size_t k = 0; k < SCOREBOARD_DURATIONS; k++)
                s->durations[k] += e->durations[k];
        s->waits.sum += e->waits.sum;
        for (size_t k = 0; k < SCOREBOARD_WAITS; k++)
                s->waits.n[k] += e->waits.n[k];
        for (size_t k = 0; k < SCOREBOARD_LOGS; k++)
                s->logs_lost[k] += e->logs_lost[k];
        s->reloads += e->reloads;
        s->workers_died += e->workers_died;
        s->workers_oom += e->workers_oom;
        s->slow_requests += e->slow_requests;
        s->max_children_reached += e->max_children_reached;
        for (size_t k = 0; k < _SCOREBOARD_PARK_MAX; k++)
                s->park[k] += e->park[k];
        for (size_t k = 0; k < _SCOREBOARD_OVERLOAD_MAX; k++)
                s->overload[k] += e->overload[k];
        for (size_t k = 0; k < _SCOREBOARD_DENIED_MAX; k++)
                s->denied[k] += e->denied[k];
        s->max_active = MAX(s->max_active, e->max_active);
        s->max_listen_queue = MAX(s->max_listen_queue, e->max_listen_queue);
        s->memory_peak = MAX(s->memory_peak, e->memory_peak);
}

static void snapshot_header(const struct scoreboard *board, bool at_once, struct status_snapshot *s,
                            uint32_t *ret_n_used) {
        struct scoreboard_header h;

        if (at_once)
                scoreboard_read_header_at_once(board, &h);
        else
                scoreboard_read_header(board, &h);
        memcpy(s->pool, h.pool, sizeof(s->pool));
        memcpy(s->pm, h.pm, sizeof(s->pm));
        s->pool[sizeof(s->pool) - 1] = '\0';
        s->pm[sizeof(s->pm) - 1] = '\0';

        s->start_wall = h.start_wall;
        s->start_since = snapshot_since(s->now, h.start_mono);
        s->listen_queue = h.listen_queue;
        s->max_listen_queue = MAX(h.max_listen_queue, h.listen_queue);
        s->listen_queue_len = h.listen_queue_len;
        s->max_active = MIN((uint32_t)h.max_active, h.n_used);
        s->max_children = h.max_children;
        s->max_children_reached = h.max_children_reached;
        s->reloads = h.reloads;
        s->workers_died = h.workers_died;
        s->workers_oom = h.workers_oom;
        s->failed_starts = h.failed_starts;
        s->slow_requests = h.slow_requests;
        s->generation = h.generation;
        s->waits = h.waits;
        for (size_t k = 0; k < SCOREBOARD_LOGS; k++)
                s->logs_lost[k] = h.logs_lost[k];
#define X(field, name, kind, help) s->park[SCOREBOARD_PARK_##field] = h.park.field;
        SCOREBOARD_PARK_NUMBERS(X)
#undef X
        s->park[SCOREBOARD_PARK_waiting] = number_add(s->park[SCOREBOARD_PARK_waiting], offered_waiting(&h));
        s->connections += s->park[SCOREBOARD_PARK_accepted];
        for (size_t k = 0; k < _SCOREBOARD_OVERLOAD_MAX; k++)
                s->overload[k] = h.overload[k];
        for (size_t k = 0; k < _SCOREBOARD_DENIED_MAX; k++)
                s->denied[k] = h.denied[k];
        snapshot_add_earlier(s, &h.earlier);
        *ret_n_used = MIN(h.n_used, (uint32_t)SCOREBOARD_SLOTS);
}

static int snapshot_keep(struct status_snapshot *s, const struct scoreboard_slot *w, uint32_t *size) {
        if (s->n_workers == *size) {
                uint32_t n = MAX(*size * 2, 16U);
                struct scoreboard_slot *p;

                /* The slot is aligned beyond what realloc() promises. */
                p = aligned_alloc(_Alignof(struct scoreboard_slot), n * sizeof(*p));
                if (!p)
                        return -ENOMEM;
                if (s->n_workers > 0)
                        memcpy(p, s->workers, s->n_workers * sizeof(*p));
                free(s->workers);
                s->workers = p;
                *size = n;
        }
        s->workers[s->n_workers++] = *w;
        return 0;
}

static void snapshot_count(struct status_snapshot *s, const struct scoreboard_slot *w) {
        s->n_stage[w->stage]++;
        s->n_total++;
        if (stage_info(w->stage)->idle)
                s->n_idle++;
        else
                s->n_active++;
}

/* What lives on in a slot when its worker has gone. */
static void snapshot_add(struct status_snapshot *s, const struct scoreboard_slot *w) {
        s->connections += w->accepted;
        s->requests += w->requests;
        s->memory_peak = MAX(s->memory_peak, w->memory_peak);
        s->last_use = MAX(s->last_use, w->request_wall);
        for (size_t k = 0; k < SCOREBOARD_LOGS; k++)
                s->logs_lost[k] += w->logs_lost[k];
        s->duration_sum += w->duration_sum;
        for (size_t k = 0; k < SCOREBOARD_DURATIONS; k++)
                s->durations[k] += w->durations[k];
        s->waits.sum += w->waits.sum;
        for (size_t k = 0; k < SCOREBOARD_WAITS; k++)
                s->waits.n[k] += w->waits.n[k];
}

/* The first n_slots of the slots. */
static int snapshot_take(const struct scoreboard *board, uint32_t n_slots, usec_t now, unsigned flags,
                         struct status_snapshot *ret) {
        bool at_once = flags & STATUS_SNAPSHOT_AT_ONCE;
        _cleanup_snapshot_ struct status_snapshot s = { .now = now };
        uint32_t n_used, size = 0;

        snapshot_header(board, at_once, &s, &n_used);
        n_used = MIN(n_used, n_slots);
        for (uint32_t i = 0; i < n_used; i++) {
                struct scoreboard_slot w;
                int r;

                if (at_once)
                        scoreboard_read_slot_at_once(board, i, &w);
                else
                        scoreboard_read_slot(board, i, &w);
                snapshot_add(&s, &w);
                if (w.stage == STAGE_NONE || w.stage >= _STAGE_MAX)
                        continue;

                snapshot_count(&s, &w);
                if (!(flags & STATUS_SNAPSHOT_WORKERS))
                        continue;
                r = snapshot_keep(&s, &w, &size);
                if (r < 0)
                        return r;
        }
        s.max_active = MAX(s.max_active, (uint64_t)s.n_active);

        *ret = s;
        s.workers = NULL;
        return 0;
}

int status_snapshot_take(const struct scoreboard *board, usec_t now, unsigned flags, struct status_snapshot *ret) {
        return snapshot_take(board, SCOREBOARD_SLOTS, now, flags, ret);
}

int status_snapshot_take_at_once(const struct scoreboard *board, uint32_t n_slots, usec_t now, unsigned flags,
                                 struct status_snapshot *ret) {
        return snapshot_take(board, n_slots, now, flags | STATUS_SNAPSHOT_AT_ONCE, ret);
}

void status_snapshot_done(struct status_snapshot *s) {
        free(s->workers);
        *s = (struct status_snapshot){};
}

uint64_t status_snapshot_worker_since(const struct status_snapshot *s, const struct scoreboard_slot *w) {
        return snapshot_since(s->now, w->start_mono);
}

uint64_t status_snapshot_worker_duration(const struct status_snapshot *s, const struct scoreboard_slot *w) {
        return stage_info(w->stage)->request ? snapshot_since(s->now, w->request_mono) : w->duration;
}

uint64_t status_snapshot_worker_cpu(const struct scoreboard_slot *w) {
        double percent;

        if (!stage_info(w->stage)->idle || w->duration == 0)
                return 0;
        percent = (double)w->cpu * 100.0 / (double)w->duration;
        return (uint64_t)(MIN(percent, 1e6) * 100.0 + 0.5); /* the limit keeps scribbled numbers convertible */
}

uint64_t status_snapshot_worker_memory(const struct scoreboard_slot *w) {
        return stage_info(w->stage)->idle ? w->memory : 0;
}
