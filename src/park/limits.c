/* SPDX-License-Identifier: MIT */
/*
 * What keeps a park from growing for ever. The connection that has been waiting for its client the longest makes room:
 * for a connection an idle one, else one that has never sent anything; for bytes that of a request which does not come
 * to its end, or of a reply that is not read.
 */

#include "park/limits.h"

#include "base/fd.h"
#include "base/macros.h"
#include "park/complaints.h"
#include "park/connection.h"
#include "park/shelved.h"

/* How many that have not sent anything, as far as is known here, are looked at for one of which that is so. */
#define LIMITS_LOOKS 16

/* Of those that have never sent anything the oldest. A request that is in the socket by now is about to be read, so it
 * is passed over; NULL: there is none near the front of the list. */
static struct connection *limits_oldest_silent(const struct park *park) {
        struct connection *c = park->lists[CONNECTION_FRESH].first;

        for (unsigned n = 1; c && fd_unread(c->fd) > 0; n++)
                c = n < LIMITS_LOOKS ? c->next : NULL;
        return c;
}

static size_t limits_count_shelves(const struct park *park) {
        return park->lists[CONNECTION_SHELF].n + park->lists[CONNECTION_WATCHED].n;
}

bool limits_admit_shelf(const struct park *park) {
        return limits_count_shelves(park) < park->n_shelves_max;
}

bool limits_admit(struct park *park, int fd) {
        struct connection *oldest = park->lists[CONNECTION_IDLE].first;
        bool idle;

        if (park->n - limits_count_shelves(park) < park->n_max)
                return true;
        if (!oldest)
                oldest = shelved_claim_oldest(park);
        idle = oldest;
        if (!oldest)
                oldest = limits_oldest_silent(park);
        complaints_add(park, COMPLAINT_CONNECTIONS, oldest ? oldest->fd : fd,
                       "too many wait for their clients, and %s, park.max_connections = %zu",
                       !oldest ? "none is idle or has yet to send anything"
                       : idle  ? "this one has been idle for the longest time"
                               : "this one has sent nothing for the longest time, none being idle",
                       park->n_max);
        if (oldest)
                connection_close(park, oldest);
        return oldest;
}

/* Of the replies the one that has not been read for the longest time, as far as that may have begun before a certain
 * time; NULL: there is none. The list knows only of clients for which the kernel has called their socket writable. One
 * that has taken less than that goes to its end, as when its time is over (timeouts.c), once in a turn of the loop: so
 * each look but the last is paid for by a client that has read something since, and where all have, the first of them
 * is taken, lest clients that read a byte at a time keep what they hold. */
static struct connection *limits_oldest_reply(struct park *park, usec_t before) {
        struct connection *c;

        before = MIN(before, park->now);
        while ((c = park->lists[CONNECTION_WRITING].first) && c->since < before && fd_has_drained(c->fd, &c->unsent))
                connection_enter(park, c, CONNECTION_WRITING);
        return c;
}

/* Of those that hold bytes for their client's sake the one that has waited for it the longest; NULL: none does. */
static struct connection *limits_oldest_holder(struct park *park) {
        struct connection *request = park->lists[CONNECTION_RECEIVING].first, *reply;
        usec_t since = request ? connection_waits_since(park, request) : USEC_INFINITY;

        reply = limits_oldest_reply(park, since);
        return reply && reply->since < since ? reply : request;
}

static const char *limits_why(const struct connection *oldest) {
        if (!oldest)
                return "the others wait for a worker";
        return oldest->state == CONNECTION_WRITING ? "this one's reply has waited for the longest time"
                                                   : "this one's request has waited for the longest time";
}

static bool limits_fit(const struct park *park, size_t n) {
        return park->n_bytes + n <= park->pool->park_max_bytes;
}

/* Closes the one that has waited the longest, or c, which wants room, where none has. Whether that was another than c.
 */
static bool limits_close_for(struct park *park, struct connection *c, struct connection *oldest) {
        struct connection *leaver = oldest ?: c;

        complaints_add(park, COMPLAINT_BYTES, leaver->fd,
                       "too many bytes of unfinished requests and replies, and %s, park.max_bytes = %llu",
                       limits_why(oldest), (unsigned long long)park->pool->park_max_bytes);
        connection_close(park, leaver);
        return leaver != c;
}

bool limits_make_room(struct park *park, const struct connection *c, size_t n) {
        while (!limits_fit(park, n)) {
                struct connection *oldest = limits_oldest_holder(park);

                if (!oldest || oldest == c)
                        return false;
                (void)limits_close_for(park, NULL, oldest);
        }
        return true;
}

bool limits_reserve(struct park *park, struct connection *c, size_t n) {
        while (!limits_fit(park, n))
                if (!limits_close_for(park, c, limits_oldest_holder(park)))
                        return false;
        return true;
}
