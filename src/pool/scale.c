/* SPDX-License-Identifier: MIT */
/* How many workers; see scale.h. No clock, no system call, no log. */

#include "pool/scale.h"

#include "base/macros.h"

unsigned scale_first(unsigned max_children) {
        return MAX(1U, max_children / 4U);
}

usec_t scale_delay(unsigned n_young_dead) {
        usec_t delay = SCALE_DELAY_FIRST;

        if (n_young_dead <= SCALE_YOUNG_FREE)
                return 0;
        for (unsigned i = SCALE_YOUNG_FREE + 1; i < n_young_dead && delay < SCALE_DELAY_LONGEST; i++)
                delay *= 2;
        return MIN(delay, SCALE_DELAY_LONGEST);
}

void scale_plan(const struct scale_input *in, struct scale_plan *ret) {
        unsigned room = in->max_children > in->n_others ? in->max_children - in->n_others : 0;
        unsigned least = scale_first(in->max_children);
        unsigned want = MAX(room, least); /* both are at most max_children */
        usec_t delay = scale_delay(in->n_young_dead);

        *ret = (struct scale_plan){ .wake_at = USEC_INFINITY };
        if (want <= in->n_workers)
                return;
        if (delay > 0) {
                bool trying = in->last_try > in->last_death;
                usec_t due = trying ? in->last_try + SCALE_YOUNG : in->last_death + delay;

                if (in->now < due) {
                        ret->wake_at = due;
                        return;
                }
                ret->is_over = trying;
                ret->is_try = !trying;
        }
        ret->spawn = ret->is_try ? 1 : want - in->n_workers;
}
