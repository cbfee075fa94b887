/* SPDX-License-Identifier: MIT */
/*
 * Time limits on requests without a fixed rate of looking. A request that begins right after a look cannot be over its
 * time before the shortest limit has passed since that look. So the next one is due at the earliest deadline of the
 * requests seen, or after the shortest limit, whichever is sooner; nothing is missed between, and no worker has to tell
 * the master anything.
 */

#include "pool/timelimit.h"

#include "base/macros.h"
#include "scoreboard/stages.h"

bool timelimit_is_other(const struct timelimit_memory *memory, const struct timelimit_request *request) {
        return memory->id != request->id && memory->terminated_at == 0;
}

usec_t timelimit_next_look(const struct timelimit_limits *limits, usec_t now) {
        usec_t shortest = limits->terminate ? limits->terminate : USEC_INFINITY;

        if (limits->slow)
                shortest = MIN(shortest, limits->slow);
        return shortest == USEC_INFINITY ? USEC_INFINITY : now + shortest;
}

/* Whether the clock that ends requests runs. */
static bool timelimit_may_end(const struct timelimit_limits *limits, uint32_t stage) {
        return limits->terminate > 0 && stage_info(stage)->request && (stage != STAGE_END || limits->track_finished);
}

static void timelimit_condemned(const struct timelimit_memory *memory, usec_t now, struct timelimit_plan *ret) {
        usec_t due = memory->condemned_at + TIMELIMIT_TRACE;

        if (memory->traced || now >= due)
                ret->action = TIMELIMIT_TERMINATE;
        else
                ret->wake_at = due;
}

static void timelimit_terminated(const struct timelimit_memory *memory, usec_t now, struct timelimit_plan *ret) {
        usec_t due = memory->terminated_at + TIMELIMIT_KILL_DELAY;

        ret->wake_at = USEC_INFINITY;
        if (memory->killed)
                return;
        if (now >= due)
                ret->action = TIMELIMIT_KILL;
        else
                ret->wake_at = due;
}

void timelimit_plan(const struct timelimit_limits *limits, const struct timelimit_request *request,
                    const struct timelimit_memory *memory, usec_t now, struct timelimit_plan *ret) {
        static const struct timelimit_memory blank = {};
        usec_t since = MAX(request->since, memory->begun_after);

        since = MIN(since, now); /* nothing begins in the future */
        *ret = (struct timelimit_plan){ .action = TIMELIMIT_NOTHING, .wake_at = timelimit_next_look(limits, now) };
        if (memory->terminated_at) {
                timelimit_terminated(memory, now, ret);
                return;
        }
        if (timelimit_is_other(memory, request))
                memory = &blank;
        if (request->stage == STAGE_EXECUTING && limits->slow && !memory->slow_told) {
                if (now - since >= limits->slow) {
                        ret->action = TIMELIMIT_TELL_SLOW;
                        return;
                }
                ret->wake_at = MIN(ret->wake_at, since + limits->slow);
        }
        if (!timelimit_may_end(limits, request->stage))
                return;
        if (memory->condemned_at)
                timelimit_condemned(memory, now, ret);
        else if (now - since >= limits->terminate)
                ret->action = TIMELIMIT_CONDEMN;
        else
                ret->wake_at = MIN(ret->wake_at, since + limits->terminate);
}
