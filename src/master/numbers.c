/* SPDX-License-Identifier: MIT */
/*
 * See numbers.h. The old scoreboard is read as every reader does it, once, and not used any longer: its slots are those
 * of workers that have gone, which may have left anything there. What was counted goes into the new one as one sum,
 * beside which the new processes count from 0: so whoever looks at what a worker has done since the last look sees no
 * jump.
 */

#include "master/numbers.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "log/log.h"
#include "scoreboard/scoreboard.h"
#include "scoreboard/slot.h"
#include "status/snapshot.h"

static void numbers_sum(const struct status_snapshot *s, struct scoreboard_earlier *ret) {
        *ret = (struct scoreboard_earlier){
                .requests = s->requests,
                .connections = s->connections,
                .duration_sum = s->duration_sum,
                .waits = s->waits,
                .reloads = s->reloads,
                .workers_died = s->workers_died,
                .workers_oom = s->workers_oom,
                .slow_requests = s->slow_requests,
                .max_children_reached = s->max_children_reached,
                .max_active = s->max_active,
                .max_listen_queue = s->max_listen_queue,
                .memory_peak = s->memory_peak,
        };
        memcpy(ret->durations, s->durations, sizeof(ret->durations));
        memcpy(ret->logs_lost, s->logs_lost, sizeof(ret->logs_lost));
        memcpy(ret->overload, s->overload, sizeof(ret->overload));
        memcpy(ret->denied, s->denied, sizeof(ret->denied));
        enum { GAUGE, COUNTER };
#define X(field, name, kind, help)                                                                                     \
        if (kind == COUNTER)                                                                                           \
                ret->park[SCOREBOARD_PARK_##field] = s->park[SCOREBOARD_PARK_##field];
        SCOREBOARD_PARK_NUMBERS(X)
#undef X
}

static int numbers_take(struct pool *p, int fd) {
        struct scoreboard_header *h = &p->scoreboard->header;
        _cleanup_snapshot_ struct status_snapshot s = {};
        const struct scoreboard *old;
        int r;

        r = scoreboard_map_readonly(fd, &old);
        if (r < 0)
                return r;
        r = status_snapshot_take_at_once(old, SCOREBOARD_SLOTS, time_now(), 0, &s);
        scoreboard_unmap(old);
        if (r < 0)
                return r;
        slot_seq_begin(&h->seq);
        numbers_sum(&s, &h->earlier);
        if (s.start_since > 0 && s.start_wall <= h->start_wall) {
                h->start_wall = s.start_wall;
                h->start_mono = s.now - s.start_since;
        }
        slot_seq_end(&h->seq);
        return 0;
}

void numbers_return(struct pool *p, int fd) {
        int r = fd < 0 ? 0 : numbers_take(p, fd);

        if (r < 0)
                log_warning("[pool %s] its counters begin at 0: those of the fd store cannot be read: %s", p->name,
                            r == -EBADMSG ? "they are of another version of fpmd" : strerror(-r));
        fd_close(fd);
}
