/* SPDX-License-Identifier: MIT */
#include "pool/memory.h"

#include <inttypes.h>

#include "log/log.h"
#include "pool/capacity.h"
#include "untrusted/board.h"

#define MEMORY_MIB (UINT64_C(1) << 20)

void memory_add(const struct pool *p, struct memory_sum *sum) {
        for (uint32_t i = 0; i < p->n_used; i++) {
                uint64_t held, need;

                if (p->workers[i].state != WORKER_ACCEPTING || !untrusted_board_memory(p->scoreboard, i, &held, &need))
                        continue;
                sum->held += held;
                sum->need += need;
                sum->n++;
        }
}

static void memory_say(const struct pool *p, const struct capacity *c) {
        const struct memory_view *v = p->env->memory;

        log_own("[pool %s] pm.max_children = auto: %u workers, between %u and %u for %u CPUs: %" PRIu64 " MiB for %s; "
                "%" PRIu64 " MiB a worker, %s, and a fifth",
                p->name, c->limit, capacity_floor(v->n_cpus), capacity_ceiling(v->n_cpus), v->n_cpus,
                c->memory / MEMORY_MIB, v->where, (c->need + MEMORY_MIB - 1) / MEMORY_MIB,
                p->capacity.need > 0 ? "as measured" : "since none has been measured yet");
}

static void memory_plan(struct pool *p) {
        const struct memory_view *v = p->env->memory;
        struct capacity c;
        struct memory_sum sum = {};

        memory_add(p, &sum);
        if (sum.n > 0)
                p->capacity.need = sum.need / sum.n; /* else: what they took when there were some */
        capacity_plan(&(struct capacity_input){ .room = v->room,
                                                .held = v->held,
                                                .n_pools = v->n_pools,
                                                .need = p->capacity.need,
                                                .n_cpus = v->n_cpus,
                                                .limit = p->capacity.limit },
                      &c);
        if (c.changed) {
                p->capacity.limit = c.limit;
                memory_say(p, &c);
        }
}

unsigned memory_max_children(struct pool *p, const struct conf_pool *conf) {
        if (conf->max_children != CONF_LIMIT_AUTO)
                return conf->max_children;
        if (p->capacity.limit == 0)
                memory_plan(p);
        return p->capacity.limit;
}

bool memory_is_automatic(const struct pool *p) {
        return p->current && p->current->conf->max_children == CONF_LIMIT_AUTO;
}

bool memory_is_news(const struct pool *p) {
        struct memory_sum sum = {};

        if (!memory_is_automatic(p) || p->capacity.need > 0)
                return false;
        memory_add(p, &sum);
        return sum.n > 0;
}

void memory_reckon(struct pool *p) {
        if (!memory_is_automatic(p))
                return;
        memory_plan(p);
        if (p->current->max_children == p->capacity.limit)
                return;
        p->current->max_children = p->capacity.limit;
        picture_changed(p);
}

bool memory_claim_kill(struct memory_kills *k) {
        uint64_t n;

        if (cgroup_oom_kills(k->cgroup, &n) != 0 || n <= k->claimed)
                return false;
        k->claimed++;
        return true;
}

/* One that is known since the look before has been a program that PHP code had started, or the like. */
void memory_forget_kills(struct memory_kills *k) {
        uint64_t n;

        if (cgroup_oom_kills(k->cgroup, &n) != 0)
                return;
        k->claimed = MAX(k->claimed, k->seen);
        k->seen = n;
}
