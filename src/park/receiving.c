/* SPDX-License-Identifier: MIT */
/*
 * A request is not decoded here: fcgi/scan tells from the raw bytes whether it is there whole. What it does not want of
 * them goes at once, so all that is stored is one request, of 64 KiB at most.
 */

#include "park/receiving.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/macros.h"
#include "park/connection.h"
#include "park/keeping.h"
#include "park/limits.h"
#include "park/offers.h"
#include "park/queue.h"

size_t receiving_skip(struct connection *c, size_t n) {
        size_t k = MIN(n, (size_t)c->skip);

        c->skip -= (uint32_t)k;
        return k;
}

bool receiving_store(struct park *park, struct connection *c, const uint8_t *data, size_t n) {
        size_t size = MAX(c->size_in, (size_t)512);
        uint8_t *in;

        if (n == 0)
                return true;
        if (!limits_reserve(park, c, n))
                return false;
        while (size < c->n_in + n)
                size *= 2;
        in = size > c->size_in ? realloc(c->in, size) : c->in;
        if (!in) {
                connection_close(park, c);
                return false;
        }
        c->in = in;
        c->size_in = size;
        memcpy(c->in + c->n_in, data, n);
        c->n_in += n;
        park->n_bytes += n;
        return true;
}

/* Bytes in front of the next request that mean nothing: how many of n may go. What has not come of them yet is to be
 * skipped. */
static size_t receiving_idle_bytes(struct connection *c, size_t n) {
        size_t k = c->scan.in_request ? c->scan.first : MIN(c->scan.at, n);

        if (!c->scan.in_request)
                c->skip += (uint32_t)(c->scan.at - k);
        c->scan.at = c->scan.in_request ? c->scan.at - k : 0;
        c->scan.first = 0;
        return k;
}

/* Stores n bytes behind those that are there, without those in front that mean nothing. False: c had to be closed. */
static bool receiving_store_some(struct park *park, struct connection *c, const uint8_t *data, size_t n) {
        size_t k = receiving_idle_bytes(c, c->n_in + n), k_in = MIN(k, c->n_in);

        if (k_in > 0) {
                memmove(c->in, c->in + k_in, c->n_in - k_in);
                c->n_in -= k_in;
                park->n_bytes -= k_in;
        }
        k -= k_in;
        return k == n || receiving_store(park, c, data + k, n - k);
}

/* Half a request has come: it waits for the other half. data, n: bytes that are not stored yet. */
static void receiving_wait_for_more(struct park *park, struct connection *c, const uint8_t *data, size_t n) {
        enum connection_state state;

        if (!receiving_store_some(park, c, data, n))
                return;
        if (c->n_in == 0 && c->state == CONNECTION_RECEIVING)
                c->begun = 0; /* what came was no request's */
        if (c->n_in > 0 && c->begun == 0)
                c->begun = park->now;
        if (c->n_in == 0 && park->finish_at > 0 && (c->begun == 0 || park->now >= park->fresh_at)) {
                keeping_part(park, c);
                return;
        }
        state = c->n_in > 0 ? CONNECTION_RECEIVING : c->begun > 0 ? CONNECTION_FRESH : CONNECTION_IDLE;
        if (state != c->state)
                connection_enter(park, c, state);
        connection_watch(park, c, EPOLLIN | EPOLLRDHUP);
}

/* Where the park has the pool's queue, a request is answered for whose next n bytes, at data, that leaves no room. */
static bool receiving_is_refused(struct park *park, struct connection *c, const uint8_t *data, size_t n) {
        bool stored = c->n_in > 0;

        return park->refuse && !limits_make_room(park, c, n) &&
               park->refuse(park, c, stored ? c->in : data, stored ? c->n_in : n);
}

/* Its request is whole, or as much of it as may be here: in, n, stored or not. */
static void receiving_offer(struct park *park, struct connection *c, const uint8_t *in, size_t n) {
        if (park->standin.answer) {
                park->standin.answer(park, c, in, n);
                return;
        }
        if (offers_add(park, c, in, n) != OFFERS_E_WAIT)
                return;
        if (in != c->in && receiving_is_refused(park, c, in, n))
                return;
        if (in == c->in || receiving_store(park, c, in, n))
                queue_enter(park, c);
}

void receiving_look(struct park *park, struct connection *c, const uint8_t *data, size_t n) {
        bool stored = c->n_in > 0;

        if (stored && (receiving_is_refused(park, c, data, n) || !receiving_store(park, c, data, n)))
                return;
        if (stored) {
                data = c->in;
                n = c->n_in;
        }
        if (fcgi_scan(&c->scan, data, n) != FCGI_SCAN_MORE || n == HANDOVER_BYTES_MAX)
                receiving_offer(park, c, data, n);
        else
                receiving_wait_for_more(park, c, stored ? NULL : data, stored ? 0 : n);
}

bool receiving_look_ahead(struct park *park, struct connection *c, const uint8_t *data, size_t n) {
        if (!receiving_store(park, c, data, n))
                return false;
        if (fcgi_scan(&c->scan, c->in, c->n_in) != FCGI_SCAN_MORE)
                c->flags &= ~(uint32_t)HANDOVER_BODY; /* there is more to it than that */
        else if (!receiving_store_some(park, c, NULL, 0))
                return false;
        return true;
}

void receiving_on_event(struct park *park, struct connection *c) {
        size_t room = HANDOVER_BYTES_MAX - c->n_in, k;
        ssize_t n = recv(c->fd, park->buf, room, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                connection_close(park, c);
                return;
        }
        if (states_clock(c->state) == STATES_CLOCK_REQUEST && park->pool->request_receive_timeout == 0)
                connection_enter(park, c, c->state); /* without a limit for the whole it is one for silence */
        k = receiving_skip(c, (size_t)n);
        if (k < (size_t)n)
                receiving_look(park, c, park->buf + k, (size_t)n - k);
}
