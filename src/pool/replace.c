/* SPDX-License-Identifier: MIT */
/*
 * A generation whose zygote has ended, or whose workers crash, gets a successor with the same settings, beside which
 * its workers go on until that accepts. One that does not come up is tried again, later each time.
 */

#include "pool/replace.h"

#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "pool/generation.h"
#include "pool/sample.h"
#include "pool/scale.h"
#include "pool/start.h"

void replace_note_failure(struct pool *p, const char *reason, usec_t now) {
        p->starts.n_failed++;
        p->starts.last_failure = now;
        free(p->starts.problem);
        p->starts.problem = strdup(reason ?: "out of memory");
}

static int replace_start(struct pool *p) {
        const struct generation *g = p->current ?: p->wanted;

        return start_generation(
                p, &(struct start_settings){ .packed = g->packed, .n_packed = g->n_packed, .listeners = g->listeners },
                true);
}

/* False: the successor is on its way, or has just arrived. */
static bool replace_may_begin(struct pool *p, usec_t now) {
        struct generation *g = p->starting;

        if (g && p->starting_is_replacement) {
                if (g->state == GENERATION_ACCEPTING) {
                        if (p->current)
                                log_own("[pool %s] generation %u has taken over", p->name, g->number);
                        else
                                log_notice("[pool %s] has started after %u failed tries, and serves", p->name,
                                           p->starts.n_failed);
                        start_promote(p);
                        sample_limits(p); /* its listeners may be others than before */
                        return false;
                }
                if (g->state != GENERATION_FAILED)
                        return false;
                log_error("[pool %s] a fresh zygote does not start: %s", p->name, g->reason ?: "out of memory");
                replace_note_failure(p, g->reason, now);
                p->starting = NULL;
                generation_end(g);
        }
        if (p->starting || p->stopping)
                return false;
        return p->current ? p->current->zygote.pid == 0 || p->renew : p->wanted != NULL;
}

static usec_t replace_delay(const struct pool *p) {
        return scale_delay(SCALE_YOUNG_FREE + p->starts.n_failed);
}

usec_t replace_zygote(struct pool *p, usec_t now) {
        int r;

        if (!replace_may_begin(p, now))
                return USEC_INFINITY;
        if (p->starts.n_failed > 0 && now < p->starts.last_failure + replace_delay(p))
                return p->starts.last_failure + replace_delay(p);
        r = replace_start(p);
        if (r >= 0)
                return p->starting->state == GENERATION_FAILED ? now : USEC_INFINITY;
        log_error("[pool %s] cannot start a fresh zygote: %s", p->name, strerror(-r));
        replace_note_failure(p, strerror(-r), now);
        return now + replace_delay(p);
}
