/* SPDX-License-Identifier: MIT */
/* The times of the last crashes, in a ring: the one that lies threshold back says whether there were too many. */

#include "pool/crashes.h"

#include "base/macros.h"

bool crashes_add(struct crashes *c, unsigned threshold, usec_t interval, usec_t now) {
        unsigned many = MIN(threshold, CRASHES_MAX);

        if (many == 0 || interval == 0)
                return false;
        c->times[c->n % CRASHES_MAX] = now;
        c->n++;
        if (c->n < many || now - c->times[(c->n - many) % CRASHES_MAX] > interval)
                return false;
        c->n = 0;
        return true;
}
