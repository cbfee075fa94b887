/* SPDX-License-Identifier: MIT */
/* Drain, then terminate, then kill; see timeouts.h. */

#include "pool/timeouts.h"

#include "base/macros.h"

void timeouts_plan(const struct timeouts_input *in, struct timeouts_plan *ret) {
        usec_t elapsed = in->now > in->since ? in->now - in->since : 0;

        *ret = (struct timeouts_plan){ .step = in->step, .wake_at = USEC_INFINITY };

        switch (in->step) {
        case TIMEOUTS_WAITING:
                if (elapsed < in->control_timeout) {
                        ret->wake_at = in->since + in->control_timeout;
                        return;
                }
                ret->step = TIMEOUTS_TERMINATED;
                ret->wake_at = in->now + TIMEOUTS_KILL_DELAY;
                return;
        case TIMEOUTS_TERMINATED:
                if (elapsed < TIMEOUTS_KILL_DELAY) {
                        ret->wake_at = in->since + TIMEOUTS_KILL_DELAY;
                        return;
                }
                ret->step = TIMEOUTS_KILLED;
                ret->wake_at = in->now + TIMEOUTS_LEAVE_BEHIND;
                return;
        case TIMEOUTS_KILLED:
                if (elapsed < TIMEOUTS_LEAVE_BEHIND) {
                        ret->wake_at = in->since + TIMEOUTS_LEAVE_BEHIND;
                        return;
                }
                ret->step = TIMEOUTS_LEFT;
                return;
        case TIMEOUTS_LEFT:
                return;
        }
}

bool timeouts_leave_is_over(usec_t told, bool idle, usec_t now, usec_t *wake_at) {
        usec_t due = told + TIMEOUTS_LEAVE_DELAY;

        if (now >= due && idle)
                return true;
        *wake_at = MIN(*wake_at, now < due ? due : now + TIMEOUTS_LEAVE_LOOK);
        return false;
}
