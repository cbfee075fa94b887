/* SPDX-License-Identifier: MIT */
/*
 * /live asks whether the service should be started anew, and says no where the watchdog would: alive.c. /ready asks
 * whether to send requests to this pool. Both are of the last second, cost no look at workers, and wait for nobody.
 *
 * An agent says "ready" with each "up": in HAProxy a server that was told to drain does so until it is told "ready".
 */

#include "master/healthpage.h"

#include "pool/health.h"
#include "status/text.h"

#define HEALTHPAGE_LIVE  "/live"
#define HEALTHPAGE_READY "/ready"

/* Texts of PHP's are in it, so it is made one line that is safe to print. */
static void healthpage_reason(const struct pool *p, struct text *ret) {
        _cleanup_text_ struct text reason = {};

        health_describe(p, &reason);
        status_text_clean(text_peek(&reason), ret);
}

bool healthpage_answer(const struct pool *p, const struct status_page *page, struct text *ret) {
        _cleanup_text_ struct text body = {};
        bool good;

        if (status_page_is(page, HEALTHPAGE_LIVE)) {
                good = !p->env->hopeless;
                text_append(&body, good ? "live" : "not live: no pool takes connections; ");
                if (!good)
                        healthpage_reason(p, &body);
        } else if (status_page_is(page, HEALTHPAGE_READY)) {
                good = health_is_ready(health_state(p));
                healthpage_reason(p, &body);
        } else
                return false;
        text_append_c(&body, '\n');
        status_page_plain(page, good ? NULL : "503 Service Unavailable", &body, ret);
        return true;
}

void healthpage_agent(const struct pool *p, struct text *ret) {
        enum health_state state = health_state(p);

        if (state == HEALTH_READY)
                text_printf(ret, "ready up %u%%", health_weight(p));
        else if (state == HEALTH_DRAINING || state == HEALTH_STOPPING)
                text_append(ret, "drain");
        else {
                text_append(ret, "down #");
                healthpage_reason(p, ret);
        }
        text_append_c(ret, '\n');
}
