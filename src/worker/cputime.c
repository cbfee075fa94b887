/* SPDX-License-Identifier: MIT */
/* See cputime.h. */

#include "worker/cputime.h"

#include "base/macros.h"

bool cputime_is_due(const struct cputime *c, uint64_t duration) {
        return !c->measured || duration >= CPUTIME_LONG || c->passed + duration >= CPUTIME_STRETCH;
}

/* A stretch of nothing but short requests says what a short one takes; so does the first request, until there is a better word. */
static void cputime_learn(struct cputime *c, uint64_t duration, uint64_t spent) {
        uint64_t passed = c->passed + duration;

        if (passed > 0 && (duration < CPUTIME_LONG || !c->measured))
                c->share = MIN((double)spent / (double)passed, 1.0);
}

uint64_t cputime_account(struct cputime *c, uint64_t duration, uint64_t clock) {
        uint64_t spent, took;

        if (!cputime_is_due(c, duration)) {
                took = (uint64_t)((double)duration * c->share);
                c->passed += duration;
                c->told += took;
                return took;
        }
        spent = clock - MIN(clock, c->read);
        took = spent - MIN(spent, c->told);
        cputime_learn(c, duration, spent);
        c->read = clock;
        c->passed = c->told = 0;
        c->measured = true;
        return took;
}

uint64_t cputime_now(const struct cputime *c) {
        return c->read + c->told;
}
