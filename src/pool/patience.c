/* SPDX-License-Identifier: MIT */
/*
 * Time limits on requests without a fixed rate of looking. A request that begins right after a look cannot be over its
 * time before the shortest limit has passed since that look. So the next one is due at the earliest deadline of the
 * requests seen, or after the shortest limit, whichever is sooner; nothing is missed between, and no worker has to tell
 * the master anything.
 */

#include "pool/patience.h"

#include "base/macros.h"
#include "scoreboard/stages.h"

bool patience_is_other(const struct patience_memory *memory, const struct patience_request *request) {
        return memory->id != request->id && memory->terminated_at == 0;
}

usec_t patience_next_look(const struct patience_limits *limits, usec_t now) {
        usec_t shortest = limits->terminate ? limits->terminate : USEC_INFINITY;

        if (limits->slow)
                shortest = MIN(shortest, limits->slow);
        return shortest == USEC_INFINITY ? USEC_INFINITY : now + shortest;
}

/* Whether the clock that ends requests runs. */
static bool patience_may_end(const struct patience_limits *limits, uint32_t stage) {
        return limits->terminate > 0 && stage_info(stage)->request && (stage != STAGE_END || limits->track_finished);
}

static void patience_condemned(const struct patience_memory *memory, usec_t now, struct patience_plan *ret) {
        usec_t due = memory->condemned_at + PATIENCE_TRACE;

        if (memory->traced || now >= due)
                ret->action = PATIENCE_TERMINATE;
        else
                ret->wake_at = due;
}

static void patience_terminated(const struct patience_memory *memory, usec_t now, struct patience_plan *ret) {
        usec_t due = memory->terminated_at + PATIENCE_KILL_DELAY;

        ret->wake_at = USEC_INFINITY;
        if (memory->killed)
                return;
        if (now >= due)
                ret->action = PATIENCE_KILL;
        else
                ret->wake_at = due;
}

void patience_plan(const struct patience_limits *limits, const struct patience_request *request,
                   const struct patience_memory *memory, usec_t now, struct patience_plan *ret) {
        static const struct patience_memory blank = {};
        usec_t since = MAX(request->since, memory->begun_after);

        since = MIN(since, now); /* nothing begins in the future */
        *ret = (struct patience_plan){ .action = PATIENCE_NOTHING, .wake_at = patience_next_look(limits, now) };
        if (memory->terminated_at) {
                patience_terminated(memory, now, ret);
                return;
        }
        if (patience_is_other(memory, request))
                memory = &blank;
        if (request->stage == STAGE_EXECUTING && limits->slow && !memory->slow_told) {
                if (now - since >= limits->slow) {
                        ret->action = PATIENCE_TELL_SLOW;
                        return;
                }
                ret->wake_at = MIN(ret->wake_at, since + limits->slow);
        }
        if (!patience_may_end(limits, request->stage))
                return;
        if (memory->condemned_at)
                patience_condemned(memory, now, ret);
        else if (now - since >= limits->terminate)
                ret->action = PATIENCE_CONDEMN;
        else
                ret->wake_at = MIN(ret->wake_at, since + limits->terminate);
}
