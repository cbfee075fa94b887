/* SPDX-License-Identifier: MIT */
#include "park/complaints.h"

#include <stdarg.h>
#include <stdio.h>

#include "log/peer.h"

/* Between two log lines about the same limit. */
#define COMPLAINTS_PAUSE (10 * USEC_PER_SEC)

bool complaints_may_log(struct park *park, enum complaint what, unsigned long long *ret_n_silenced) {
        if (park->complained[what] > 0 && park->now - park->complained[what] < COMPLAINTS_PAUSE) {
                park->n_silenced[what]++;
                return false;
        }
        park->complained[what] = park->now;
        *ret_n_silenced = park->n_silenced[what];
        park->n_silenced[what] = 0;
        return true;
}

void complaints_add(struct park *park, enum complaint what, int fd, const char *why, ...) {
        unsigned long long n_silenced;
        char reason[192];
        va_list ap;

        atomic_fetch_add_explicit(&park->numbers->refused, 1, memory_order_relaxed);
        if (!complaints_may_log(park, what, &n_silenced))
                return;
        va_start(ap, why);
        vsnprintf(reason, sizeof(reason), why, ap);
        va_end(ap);
        peer_log_closed(fd, LOG_EVENT_PARK_LIMIT, "%s (%llu more since the last such line)", reason, n_silenced);
}
