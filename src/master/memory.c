/* SPDX-License-Identifier: MIT */
/*
 * The room is the least of what the service's control group, each above it, and the machine have left (MemoryHigh=,
 * MemoryMax=), in equal parts for pools with pm.max_children = auto; with what the workers hold already it is what the
 * pools may have. Neither changes when a worker comes or grows, and both do when others do.
 */

#include "master/memory.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/process.h"

#define MEMORY_PERIOD (5 * USEC_PER_SEC)

int memory_attach(struct master *m) {
        struct memory_kills *k = &m->memory.kills;
        int r = cgroup_find(&m->memory.cgroup);

        if (r < 0)
                return r;
        k->cgroup = &m->memory.cgroup;
        (void)cgroup_oom_kills(k->cgroup, &k->seen);
        k->claimed = k->seen;
        m->env.memory = &m->memory.view;
        m->env.kills = k;
        return 0;
}

void memory_detach(struct master *m) {
        cgroup_done(&m->memory.cgroup);
}

static void memory_look_at_machine(struct memory_view *v) {
        uint64_t total, available;

        if (cgroup_machine(&total, &available) < 0)
                total = available = 0;
        v->limit = total;
        v->room = available;
        snprintf(v->where, sizeof(v->where), "it, of %" PRIu64 " MiB that the machine has", total >> 20);
}

static void memory_look_at_group(const struct cgroup *c, struct memory_view *v) {
        struct cgroup_room room;

        if (cgroup_room(c, &room) != 0 || room.room >= v->room)
                return;
        v->limit = room.limit;
        v->room = room.room;
        snprintf(v->where, sizeof(v->where), "it, of %" PRIu64 " MiB that %s of %s allows", room.limit >> 20, room.file,
                 room.where);
}

void memory_look(struct master *m, const struct conf *conf) {
        struct memory_view *v = &m->memory.view;
        struct memory_sum sum = {};
        uint64_t used;

        v->n_pools = 0;
        for (size_t i = 0; i < conf->n_pools; i++)
                v->n_pools += conf->pools[i].max_children == CONF_LIMIT_AUTO;
        if (v->n_pools == 0)
                return;
        for (size_t i = 0; i < m->n_pools; i++)
                if (memory_is_automatic(m->pools[i]->pool))
                        memory_add(m->pools[i]->pool, &sum);
        v->n_cpus = process_n_cpus();
        memory_look_at_machine(v);
        memory_look_at_group(&m->memory.cgroup, v);
        /* Workers say it, so a pool could claim what is not there, for others to reckon with. */
        used = v->limit > v->room ? v->limit - v->room : 0;
        v->held = MIN(sum.held, used);
}

static bool memory_has_news(const struct master *m) {
        for (size_t i = 0; i < m->n_pools; i++)
                if (memory_is_news(m->pools[i]->pool))
                        return true;
        return false;
}

void memory_tick(struct master *m, usec_t now) {
        bool due = now >= m->memory.next_look;

        if (due) {
                m->memory.next_look = now + MEMORY_PERIOD;
                memory_forget_kills(&m->memory.kills);
        }
        if (m->memory.view.n_pools == 0 || (!due && !memory_has_news(m)))
                return;
        memory_look(m, m->conf);
        for (size_t i = 0; i < m->n_pools; i++)
                memory_reckon(m->pools[i]->pool);
}
