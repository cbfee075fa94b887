/* SPDX-License-Identifier: MIT */
/* See room.h. Open descriptors are counted when a worker is wanted, and not kept as a number: sd-event, libraries and
 * connections have descriptors too. */

#include "pool/room.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "base/process.h"
#include "log/log.h"
#include "pool/capacity.h"

/* Kept for all else: fpmctl, the logs, the status page, a successor of a zygote or a park. */
#define ROOM_RESERVE 16U

/* Of these, the first workers of a generation that replaces another may have all but so many, or no reload would begin
 * beside a full pool. */
#define ROOM_RESERVE_STARTING 6U

/* Of each pool: a zygote's pidfd, messages and lifeline, its slow log and its watch of the listeners; a park's pidfd
 * and orders; and those of the generation that is to replace it. */
#define ROOM_POOL 12U

unsigned room_of_worker(const struct conf_pool *conf) {
        return conf->catch_workers_output ? 3 : 1;
}

static unsigned room_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > UINT_MAX)
                return UINT_MAX;
        return (unsigned)limit.rlim_cur;
}

/* How many there is room for when so many descriptors are taken. */
static unsigned room_beside(const struct generation *g, unsigned n_open) {
        const struct generation *current = g->pool->current;
        unsigned reserve = current && g != current ? ROOM_RESERVE_STARTING : ROOM_RESERVE, limit = room_limit();
        unsigned taken = n_open + reserve + *g->pool->env->n_awaited;

        return limit > taken ? (limit - taken) / room_of_worker(g->conf) : 0;
}

/* Where numbers that have never been given suffice, those that are given need not be counted, which takes milliseconds
 * with thousands of pools. */
unsigned room_for_workers(const struct generation *g, unsigned wanted) {
        int n_open = fd_table_size();

        if (n_open >= 0 && room_beside(g, (unsigned)n_open) >= wanted)
                return wanted;
        n_open = fd_count_open();
        if (n_open < 0)
                return n_open == -EMFILE || n_open == -ENFILE ? 0 : wanted;
        return MIN(room_beside(g, (unsigned)n_open), wanted);
}

void room_tell(struct generation *g, unsigned wanted, unsigned room) {
        bool is_short = room < wanted;

        if (is_short && !g->short_of_files)
                log_warning("[pool %s] RLIMIT_NOFILE (%u) has no room for more than %u workers; all pools with all of "
                            "theirs take about %u (LimitNOFILE=, ulimit -Hn)",
                            g->pool->name, room_limit(), g->n_workers + room, g->pool->env->files_needed);
        g->short_of_files = is_short;
}

static unsigned room_max_children(const struct conf_pool *conf) {
        return conf->max_children == CONF_LIMIT_AUTO ? capacity_ceiling(process_n_cpus()) : conf->max_children;
}

unsigned room_needed(const struct conf *conf) {
        unsigned n = ROOM_RESERVE;

        for (size_t i = 0; i < conf->n_pools; i++)
                n += ROOM_POOL + room_max_children(&conf->pools[i]) * room_of_worker(&conf->pools[i]);
        return n;
}
