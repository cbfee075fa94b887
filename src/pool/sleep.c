/* SPDX-License-Identifier: MIT */
#include "pool/sleep.h"

bool sleep_plan(const struct sleep_input *in, usec_t *ret_wake_at) {
        usec_t due = in->is_trial || in->is_pressed ? 0 : in->unused_since + in->sleep_after;

        *ret_wake_at = USEC_INFINITY;
        if (in->sleep_after == 0 || !in->is_settled)
                return false;
        if (in->keeps_workers && in->n_workers > 0) {
                if (in->waiting == 0 && in->n_idle_long == in->n_workers)
                        return true;
                *ret_wake_at = in->now + SLEEP_LOOK;
                return false;
        }
        if (in->n_workers > 0 || in->waiting > 0)
                return false;
        if (in->now >= due)
                return true;
        *ret_wake_at = due;
        return false;
}

bool sleep_lets_pass(const struct sleep_client *c) {
        return c->others_wait && !c->is_told && !c->has_let_pass;
}
