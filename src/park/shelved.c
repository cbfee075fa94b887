/* SPDX-License-Identifier: MIT */
/* What the worker writes into its page is checked as a peer's: a place is of the park's own counting, a time lies
 * between when the park last knew of the connection and now. */

#include "park/shelved.h"

#include "base/macros.h"
#include "park/connection.h"

/* How many are looked at for one that is not being served. */
#define SHELVED_LOOKS 16

struct claims_at shelved_at(const struct connection *c) {
        return (struct claims_at){ c->shelf->page, c->place, c->serial };
}

/* When the worker has put it there. */
static usec_t shelved_since(const struct park *park, const struct connection *c) {
        usec_t since = atomic_load_explicit(&c->shelf->page->since[c->place], memory_order_relaxed);

        since = MIN(since, park->now);
        return MAX(since, c->since);
}

void shelved_take(struct park *park, struct connection *c) {
        usec_t since = shelved_since(park, c);

        c->shelf->places[c->place] = NULL;
        c->shelf = NULL;
        c->flags = HANDOVER_KEEP | HANDOVER_SHARED;
        connection_enter(park, c, CONNECTION_IDLE);
        connection_renew(park, c, since);
}

bool shelved_claim(struct park *park, struct connection *c) {
        const struct claims_at at = shelved_at(c);

        if (!claims_claim(&at))
                return false;
        shelved_take(park, c);
        return true;
}

struct connection *shelved_claim_oldest(struct park *park) {
        struct connection *c = park->lists[CONNECTION_SHELVED].first;

        for (unsigned n = 1; c && !shelved_claim(park, c); n++)
                c = n < SHELVED_LOOKS ? c->next : NULL;
        return c;
}

bool shelved_is_due(struct park *park, struct connection *c) {
        const struct claims_at at = shelved_at(c);
        usec_t since = shelved_since(park, c);
        uint64_t word;

        switch (claims_look(&at, &word)) {
        case CLAIMS_FREE:
                connection_release(park, c);
                return false;
        case CLAIMS_BUSY:
                since = park->now;
                break;
        default:
                break;
        }
        if (since > c->since) {
                connection_renew(park, c, since);
                return false;
        }
        if (shelved_claim(park, c))
                return true;
        connection_renew(park, c, park->now);
        return false;
}
