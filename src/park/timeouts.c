/* SPDX-License-Identifier: MIT */
/* Each list is in the order in which its connections are due, so a look at the first of each is enough. */

#include "park/timeouts.h"

#include "base/fd.h"
#include "base/macros.h"
#include "log/peer.h"
#include "park/complaints.h"
#include "park/connection.h"
#include "park/keeping.h"
#include "park/overflow.h"
#include "park/shelved.h"
#include "park/writing.h"

/* For the next bytes of what is thrown away. */
#define TIMEOUTS_REST (2 * USEC_PER_SEC)

/* How long a client may take over the first byte of a request, or over more of it. */
static usec_t timeouts_of_request(const struct conf_pool *pool, enum states_clock clock) {
        usec_t whole = pool->request_receive_timeout;

        if (clock == STATES_CLOCK_FIRST)
                return whole > 0 ? MIN(whole, pool->park_first_byte_timeout) : pool->park_first_byte_timeout;
        return whole > 0 ? whole : pool->park_rest_timeout;
}

usec_t timeouts_due(const struct park *park, const struct connection *c) {
        enum states_clock clock = states_clock(c->state);
        usec_t since = connection_waits_since(park, c);

        switch (clock) {
        case STATES_CLOCK_PAUSE:
        case STATES_CLOCK_REPLY:
                return since + park->pool->park_idle_timeout;
        case STATES_CLOCK_FIRST:
        case STATES_CLOCK_REQUEST:
                since += timeouts_of_request(park->pool, clock);
                return park->finish_at > 0 ? MIN(since, park->finish_at) : since;
        case STATES_CLOCK_QUEUE:
                return park->pool->queue_max_wait > 0 ? since + park->pool->queue_max_wait : USEC_INFINITY;
        case STATES_CLOCK_REST:
                return since + TIMEOUTS_REST;
        case STATES_CLOCK_NONE:
                break;
        }
        return USEC_INFINITY;
}

/* Nothing is wrong with a connection that nobody needs any more, nor with a check that only connects. */
static void timeouts_tell_quiet(struct park *park, const struct connection *c, enum complaint what) {
        bool silent = what == COMPLAINT_SILENT;
        usec_t timeout = silent ? park->pool->park_first_byte_timeout : park->pool->park_idle_timeout;
        unsigned long long n_silenced;
        char peer[PEER_TEXT_MAX];

        if (complaints_may_log(park, what, &n_silenced))
                log_own("connection from %s closed: %s (%.3f sec) (%llu more since the last such line)",
                        peer_describe(c->fd, peer),
                        silent ? "it sent nothing for park.first_byte_timeout" : "it was idle for park.idle_timeout",
                        (double)timeout / (double)USEC_PER_SEC, n_silenced);
}

/* Of a request, or of what was to be one. */
static void timeouts_tell_request(struct park *park, const struct connection *c, enum states_clock clock) {
        const struct conf_pool *pool = park->pool;
        usec_t timeout = timeouts_of_request(pool, clock);

        if (park->finish_at > 0 && park->now >= park->finish_at)
                peer_log_closed(c->fd, LOG_EVENT_RECEIVE_TIMEOUT, "the pool stops, and its request is not whole");
        else if (timeout == pool->request_receive_timeout)
                peer_log_receive_timeout(c->fd, timeout);
        else if (clock == STATES_CLOCK_FIRST)
                timeouts_tell_quiet(park, c, COMPLAINT_SILENT);
        else
                peer_log_silent(c->fd, false, timeout);
}

static void timeouts_tell(struct park *park, const struct connection *c) {
        enum states_clock clock = states_clock(c->state);

        if (clock == STATES_CLOCK_PAUSE)
                timeouts_tell_quiet(park, c, COMPLAINT_IDLE);
        else if (clock == STATES_CLOCK_REPLY)
                peer_log_silent(c->fd, true, park->pool->park_idle_timeout);
        else if (clock == STATES_CLOCK_FIRST || clock == STATES_CLOCK_REQUEST)
                timeouts_tell_request(park, c, clock);
}

static void timeouts_on_due(struct park *park, struct connection *c) {
        if (c->state == CONNECTION_SHELVED && !shelved_is_due(park, c))
                return;
        if (c->state == CONNECTION_WRITING && fd_has_drained(c->fd, &c->unsent)) {
                connection_enter(park, c, CONNECTION_WRITING);
                return;
        }
        if (c->state == CONNECTION_DRAINING) {
                writing_release(park, c);
                return;
        }
        if (states_clock(c->state) == STATES_CLOCK_QUEUE) {
                overflow_on_late(park, c);
                return;
        }
        atomic_fetch_add_explicit(&park->numbers->timed_out, 1, memory_order_relaxed);
        timeouts_tell(park, c);
        connection_close(park, c);
}

/* The pool stops: clients that have not sent anything by now are let go, unsaid. When that will be. */
static usec_t timeouts_end_fresh(struct park *park) {
        if (park->fresh_at == 0)
                return USEC_INFINITY;
        if (park->now < park->fresh_at)
                return park->fresh_at;
        park->fresh_at = 0;
        keeping_part_all(park, CONNECTION_FRESH);
        return USEC_INFINITY;
}

/* When the first that is left in the list is due. */
static usec_t timeouts_enforce_list(struct park *park, const struct connection_list *list) {
        struct connection *c;

        while ((c = list->first)) {
                usec_t at = timeouts_due(park, c);

                if (at > park->now)
                        return at;
                timeouts_on_due(park, c);
        }
        return USEC_INFINITY;
}

usec_t timeouts_enforce(struct park *park) {
        usec_t next = timeouts_end_fresh(park);

        if (park->retry_at > 0)
                next = MIN(next, park->retry_at);
        for (enum connection_state state = 0; state < _CONNECTION_STATE_MAX; state++)
                if (states_clock(state) != STATES_CLOCK_NONE)
                        next = MIN(next, timeouts_enforce_list(park, &park->lists[state]));
        return next;
}
