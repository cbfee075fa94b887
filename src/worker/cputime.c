/* SPDX-License-Identifier: MIT */
/* See cputime.h. */

#include "worker/cputime.h"

#include "base/macros.h"

#define CPUTIME_SHARE_MAX 4.0 /* a connection that is fresh for each small request: less than 2 */

bool cputime_is_due(const struct cputime *c, uint64_t duration) {
        return !c->measured || duration >= CPUTIME_LONG || c->passed + duration >= CPUTIME_STRETCH;
}

/* A stretch of nothing but short requests says what a short one takes; so does the first request, until there is a
 * better word. */
static void cputime_learn(struct cputime *c, uint64_t duration, uint64_t spent) {
        uint64_t passed = c->passed + duration;

        if (passed > 0 && (duration < CPUTIME_LONG || !c->measured))
                c->share = MIN((double)spent / (double)passed, c->measured ? CPUTIME_SHARE_MAX : 1.0);
}

uint64_t cputime_account(struct cputime *c, uint64_t duration, uint64_t clock) {
        uint64_t spent, took;

        if (!cputime_is_due(c, duration)) {
                took = (uint64_t)((double)duration * c->share);
                c->passed += duration;
                c->told += took;
                return MIN(took, duration);
        }
        spent = clock - MIN(clock, c->read);
        took = spent - MIN(spent, c->told);
        cputime_learn(c, duration, spent);
        cputime_read(c, clock);
        c->measured = true;
        return duration < CPUTIME_LONG ? MIN(took, duration) : took;
}

void cputime_pass(struct cputime *c) {
        c->passed += CPUTIME_OTHER;
        c->told += CPUTIME_OTHER;
}

bool cputime_is_stale(const struct cputime *c) {
        return c->passed >= CPUTIME_STRETCH;
}

void cputime_read(struct cputime *c, uint64_t clock) {
        c->read = clock;
        c->passed = c->told = 0;
}

uint64_t cputime_now(const struct cputime *c) {
        return c->read + c->told;
}
