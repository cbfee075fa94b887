/* SPDX-License-Identifier: MIT */
/* Nothing in shared memory is asked: how many wait, and since when, is what the park has itself. */

#include "park/overflow.h"

#include "base/fd.h"
#include "base/macros.h"
#include "log/log.h"
#include "park/connection.h"
#include "park/queue.h"
#include "park/refuse.h"

/* A queue is one when nobody has taken its first for so long: before, workers that idle may be on their way. */
#define OVERFLOW_STANDING (5 * USEC_PER_MSEC)

void overflow_on_late(struct park *park, struct connection *c) {
        if (!refuse_request(park, c, SCOREBOARD_OVERLOAD_late))
                connection_enter(park, c, CONNECTION_CHECK);
}

void overflow_on_hangup(struct park *park, struct connection *c) {
        atomic_fetch_add_explicit(&park->overload[SCOREBOARD_OVERLOAD_abandoned], 1, memory_order_relaxed);
        log_debug("a request that waits for a worker is not run: its client has gone (queue.abandoned)");
        connection_close(park, c);
}

size_t overflow_surplus(const struct overflow_queue *q, unsigned max_length, usec_t *ret_at) {
        size_t n = q->n + q->in_flight;

        *ret_at = USEC_INFINITY;
        if (max_length == 0 || n <= max_length || q->n == 0)
                return 0;
        if (q->now - q->since < OVERFLOW_STANDING) {
                *ret_at = q->since + OVERFLOW_STANDING;
                return 0;
        }
        return MIN(n - max_length, q->n);
}

usec_t overflow_enforce(struct park *park) {
        unsigned max = park->pool->queue_max_length;
        size_t n = queue_length_limited(park), surplus;
        usec_t at;

        if (max == 0 || n == 0 || n < max)
                return USEC_INFINITY;
        surplus = overflow_surplus(&(struct overflow_queue){ .n = n,
                                                             .in_flight = fd_unsent(park->offers) > PARK_NONE_UNSENT,
                                                             .since = queue_first(park)->since,
                                                             .now = park->now },
                                   max, &at);
        n -= surplus;
        for (; surplus > 0; surplus--) {
                struct connection *c = queue_last(park);

                if (!refuse_request(park, c, SCOREBOARD_OVERLOAD_too_many))
                        connection_enter(park, c, CONNECTION_CHECK);
        }
        return queue_length_limited(park) > n ? park->now : at; /* there was another behind one */
}
