/* SPDX-License-Identifier: MIT */
#include "pool/capacity.h"

#include "base/macros.h"
#include "base/number.h"
#include "scoreboard/layout.h"

unsigned capacity_ceiling(unsigned n_cpus) {
        unsigned n = MAX(n_cpus, 1U);

        return n > SCOREBOARD_WORKERS_MAX / CAPACITY_PER_CPU ? SCOREBOARD_WORKERS_MAX : n * CAPACITY_PER_CPU;
}

unsigned capacity_floor(unsigned n_cpus) {
        unsigned n = MIN(n_cpus, SCOREBOARD_WORKERS_MAX);

        n = MAX(n, 1U);
        n += (n + 4U) / 5U;
        return MIN(n, capacity_ceiling(n_cpus));
}

/* Whoever is at a bound stays there only while it is the bound. */
static bool capacity_differs(unsigned now, unsigned next, unsigned n_cpus) {
        unsigned by = now > next ? now - next : next - now;

        if (now == 0 || (by > 0 && (next == capacity_floor(n_cpus) || next == capacity_ceiling(n_cpus))))
                return true;
        return by > 0 && by >= now / CAPACITY_HYSTERESIS + (now % CAPACITY_HYSTERESIS > 0);
}

void capacity_plan(const struct capacity_input *in, struct capacity *ret) {
        uint64_t need = in->need > 0 ? in->need : CAPACITY_NEED_FIRST;
        uint64_t with_reserve = need > UINT64_MAX / 2 ? UINT64_MAX : need + need / 5;
        uint64_t n;

        ret->memory = number_add(in->room, in->held) / MAX(in->n_pools, 1U);
        ret->need = need;
        n = MAX(ret->memory / with_reserve, (uint64_t)capacity_floor(in->n_cpus));
        ret->limit = (unsigned)MIN(n, (uint64_t)capacity_ceiling(in->n_cpus));
        ret->changed = capacity_differs(in->limit, ret->limit, in->n_cpus);
        if (!ret->changed)
                ret->limit = in->limit;
}
