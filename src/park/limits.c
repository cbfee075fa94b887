/* SPDX-License-Identifier: MIT */
/*
 * What keeps a park from growing for ever. Who has to go is who has been waiting for its client the longest: of the
 * connections an idle one, else one that has never sent anything; of the bytes those of a request that does not come to
 * its end, or of a reply that is not read.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "conn/peer.h"
#include "log/log.h"
#include "park/lot.h"

/* For the next bytes of what is thrown away. */
#define LIMITS_LINGER_TIME (2 * USEC_PER_SEC)

/* How many that have not sent anything, as far as is known here, are looked at for one of which that is so. */
#define LIMITS_LOOKS 16

/* Between two log lines about the same limit. */
#define LIMITS_COMPLAINT_PAUSE (10 * USEC_PER_SEC)

/* False: it was said not long ago, and is counted for the next time. True: it is to be said, with that count. */
static bool limits_may_say(struct lot *lot, enum lot_complaint what, unsigned long long *ret_n_silenced) {
        if (lot->complained[what] > 0 && lot->now - lot->complained[what] < LIMITS_COMPLAINT_PAUSE) {
                lot->n_silenced[what]++;
                return false;
        }
        lot->complained[what] = lot->now;
        *ret_n_silenced = lot->n_silenced[what];
        lot->n_silenced[what] = 0;
        return true;
}

_printf_(4, 5) static void limits_complain(struct lot *lot, enum lot_complaint what, int fd, const char *why, ...) {
        unsigned long long n_silenced;
        char reason[192];
        va_list ap;

        atomic_fetch_add_explicit(&lot->numbers->refused, 1, memory_order_relaxed);
        if (!limits_may_say(lot, what, &n_silenced))
                return;
        va_start(ap, why);
        vsnprintf(reason, sizeof(reason), why, ap);
        va_end(ap);
        peer_log_closed(fd, LOG_EVENT_PARK_LIMIT, "%s (%llu more since the last such line)", reason, n_silenced);
}

/* Nothing is wrong with a connection that nobody needs any more. */
static void limits_tell_idle(struct lot *lot, const struct guest *g) {
        unsigned long long n_silenced;
        char peer[PEER_TEXT_MAX];

        if (limits_may_say(lot, LOT_COMPLAINT_IDLE, &n_silenced))
                log_own("connection from %s closed: it was idle for park.idle_timeout (%.3f sec) (%llu more since the "
                        "last such line)",
                        peer_describe(g->fd, peer), (double)lot->pool->park_idle_timeout / (double)USEC_PER_SEC,
                        n_silenced);
}

/* Of those that have never sent anything the oldest. A request that is in the socket by now is about to be read, so it
 * is passed over; NULL: there is none near the front of the list. */
static struct guest *limits_oldest_silent(const struct lot *lot) {
        struct guest *g = lot->lists[GUEST_FRESH].first;

        for (unsigned n = 1; g && fd_unread(g->fd) > 0; n++)
                g = n < LIMITS_LOOKS ? g->next : NULL;
        return g;
}

bool limits_admit(struct lot *lot, int fd) {
        struct guest *oldest = lot->lists[GUEST_IDLE].first;
        bool idle = oldest != NULL;

        if (lot->n < lot->n_max)
                return true;
        if (!oldest)
                oldest = limits_oldest_silent(lot);
        limits_complain(lot, LOT_COMPLAINT_CONNECTIONS, oldest ? oldest->fd : fd,
                        "too many wait for their clients, and %s, park.max_connections = %zu",
                        !oldest ? "none is idle or has yet to send anything"
                        : idle  ? "this one has been idle for the longest time"
                                : "this one has sent nothing for the longest time, none being idle",
                        lot->n_max);
        if (oldest)
                guest_close(lot, oldest);
        return oldest;
}

/* Since when its client has been waited for, by which the lists are in order. Of a request with a limit for the whole:
 * since the client had its turn, whatever has come of it: it is 64 KiB at most, so who takes long over it is slow. Else
 * since the client was last heard of: something came, or some of the reply went. */
static usec_t limits_waits_since(const struct lot *lot, const struct guest *g) {
        return guest_has_turn(g->state) && lot->pool->request_receive_timeout > 0 ? g->begun : g->since;
}

/* Of the replies the one that has not been read for the longest time, as far as that may have begun before a certain
 * time; NULL: there is none. The list knows only of clients for which the kernel has called their socket writable. One
 * that has taken less than that goes to its end, as in limits_time_out(), once in a turn of the loop: so each look but
 * the last is paid for by a client that has read something since, and where all have, the first of them is taken, lest
 * those who read a byte at a time keep what they hold. */
static struct guest *limits_oldest_reply(struct lot *lot, usec_t before) {
        struct guest *g;

        before = MIN(before, lot->now);
        while ((g = lot->lists[GUEST_WRITING].first) && g->since < before && fd_has_drained(g->fd, &g->unsent))
                guest_enter(lot, g, GUEST_WRITING);
        return g;
}

/* Of those that hold bytes for their client's sake the one that has waited for it the longest; NULL: none does. */
static struct guest *limits_oldest_holder(struct lot *lot) {
        struct guest *request = lot->lists[GUEST_RECEIVING].first, *reply;
        usec_t since = request ? limits_waits_since(lot, request) : USEC_INFINITY;

        reply = limits_oldest_reply(lot, since);
        return reply && reply->since < since ? reply : request;
}

static const char *limits_why(const struct guest *oldest) {
        if (!oldest)
                return "the others wait for a worker";
        return oldest->state == GUEST_WRITING ? "this one's reply has waited for the longest time"
                                              : "this one's request has waited for the longest time";
}

bool limits_reserve(struct lot *lot, struct guest *g, size_t n) {
        while (lot->n_bytes + n > lot->pool->park_max_bytes) {
                struct guest *oldest = limits_oldest_holder(lot), *leaver = oldest ?: g;

                limits_complain(lot, LOT_COMPLAINT_BYTES, leaver->fd,
                                "too many bytes of unfinished requests and replies, and %s, park.max_bytes = %llu",
                                limits_why(oldest), (unsigned long long)lot->pool->park_max_bytes);
                guest_close(lot, leaver);
                if (leaver == g)
                        return false;
        }
        return true;
}

void limits_give_up_unwatched(struct lot *lot, struct guest *g, int error) {
        limits_complain(lot, LOT_COMPLAINT_WATCH, g->fd, "nobody would hear of its client: %s", strerror(error));
        guest_close(lot, g);
}

static void limits_time_out(struct lot *lot, struct guest *g) {
        const struct conf_pool *pool = lot->pool;

        if (g->state == GUEST_WRITING && fd_has_drained(g->fd, &g->unsent)) {
                guest_enter(lot, g, GUEST_WRITING);
                return;
        }
        if (g->state == GUEST_DRAINING) {
                guest_release(lot, g);
                return;
        }
        atomic_fetch_add_explicit(&lot->numbers->timed_out, 1, memory_order_relaxed);
        if (guest_has_turn(g->state) && lot->finish_at > 0 && lot->now >= lot->finish_at)
                peer_log_closed(g->fd, LOG_EVENT_RECEIVE_TIMEOUT, "the pool stops, and its request is not whole");
        else if (guest_has_turn(g->state) && pool->request_receive_timeout > 0)
                peer_log_receive_timeout(g->fd, pool->request_receive_timeout);
        else if (guest_has_turn(g->state) || g->state == GUEST_WRITING)
                peer_log_silent(g->fd, g->state == GUEST_WRITING, pool->park_idle_timeout);
        else if (g->state == GUEST_IDLE)
                limits_tell_idle(lot, g);
        guest_close(lot, g);
}

/* When the first of a list is due. */
static usec_t limits_due(const struct lot *lot, const struct guest *g) {
        const struct conf_pool *pool = lot->pool;
        bool turn = guest_has_turn(g->state);
        usec_t at = limits_waits_since(lot, g);

        if (turn && pool->request_receive_timeout > 0)
                at += pool->request_receive_timeout;
        else
                at += g->state == GUEST_LINGERING || g->state == GUEST_DRAINING ? LIMITS_LINGER_TIME
                                                                                : pool->park_idle_timeout;
        return turn && lot->finish_at > 0 ? MIN(at, lot->finish_at) : at;
}

/* The pool stops: who has not sent anything by now is let go, unsaid. When that will be. */
static usec_t limits_end_fresh(struct lot *lot) {
        if (lot->fresh_at == 0)
                return USEC_INFINITY;
        if (lot->now < lot->fresh_at)
                return lot->fresh_at;
        lot->fresh_at = 0;
        while (lot->lists[GUEST_FRESH].first)
                guest_close(lot, lot->lists[GUEST_FRESH].first);
        return USEC_INFINITY;
}

usec_t limits_enforce(struct lot *lot) {
        static const enum guest_state states[] = { GUEST_IDLE,    GUEST_FRESH,    GUEST_RECEIVING,
                                                   GUEST_WRITING, GUEST_DRAINING, GUEST_LINGERING };
        usec_t next = limits_end_fresh(lot);

        if (lot->retry_at > 0)
                next = MIN(next, lot->retry_at);

        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                struct guest *g;

                while ((g = lot->lists[states[i]].first)) {
                        usec_t at = limits_due(lot, g);

                        if (at > lot->now) {
                                next = MIN(next, at);
                                break;
                        }
                        limits_time_out(lot, g);
                }
        }
        return next;
}
