/* SPDX-License-Identifier: MIT */
#include "pool/cut.h"

#include "log/log.h"
#include "pool/parklost.h"
#include "pool/parks.h"
#include "pool/timeouts.h"

usec_t cut_deadline(const struct pool *p) {
        return p->parks.stop_since + p->env->control_timeout;
}

/* What is lost is the pool's own word. */
static void cut_log(const struct pool *p) {
        unsigned n = parklost_count(p).all;

        if (n > 0)
                log_warning("[pool %s] process_control_timeout is over: its park is killed, and %u connections with a "
                            "request or a reply are lost",
                            p->name, n);
}

/* One that refuses has some time for it after the others have had theirs. */
static usec_t cut_at(const struct pool *p) {
        for (const struct park_process *k = p->parks.processes; k; k = k->next)
                if (k->refuses)
                        return cut_deadline(p) + TIMEOUTS_LEAVE_BEHIND;
        return cut_deadline(p);
}

usec_t cut_parks(struct pool *p, usec_t now) {
        usec_t at = cut_at(p);

        if (!p->parks.processes)
                return USEC_INFINITY;
        if (now < at)
                return at;
        if (now >= at + TIMEOUTS_LEAVE_BEHIND)
                parks_leave_behind(p);
        if (!p->parks.cut && parks_hold(&p->parks))
                cut_log(p);
        p->parks.cut = true;
        parks_kill(p);
        return p->parks.processes ? at + TIMEOUTS_LEAVE_BEHIND : USEC_INFINITY;
}
