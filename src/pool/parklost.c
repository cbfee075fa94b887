/* SPDX-License-Identifier: MIT */
/*
 * See parklost.h. Connections between two requests are not counted: workers have some of them beside the park, and the
 * clients of the others make new ones. One that is retired leaves the numbers to its successor, so of what it had
 * nothing is known.
 */

#include "pool/parklost.h"

#include <stdatomic.h>

#include "base/text.h"
#include "log/log.h"

struct untrusted_board_parked parklost_count(const struct pool *p) {
        struct untrusted_board_parked had;

        untrusted_board_parked(p->scoreboard, &had);
        atomic_fetch_add_explicit(&p->scoreboard->header.park.lost, had.all, memory_order_relaxed);
        return had;
}

void parklost_tell(const struct park_process *k, const char *how) {
        _cleanup_text_ struct text t = {};

        text_printf(&t, "park %d %s; the connections that waited there are lost", k->pid, how);
        if (!k->retired) {
                struct untrusted_board_parked had = parklost_count(k->pool);

                text_printf(&t, ", with %llu requests on their way, %llu that waited for a worker, and %llu replies",
                            (unsigned long long)had.receiving, (unsigned long long)had.waiting,
                            (unsigned long long)had.writing);
        }
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_PARK_DIED,
                                       .pool = k->pool->name,
                                       .message = text_peek(&t) });
}
