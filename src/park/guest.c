/* SPDX-License-Identifier: MIT */
/*
 * One parked connection. It is read only while its request is not whole, so its client's next bytes stay in the kernel;
 * and its descriptor is shared with the workers that had it, so no call changes it, and none waits.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macros.h"
#include "park/lot.h"
#include "probe/probes.h"

/* A client that never stops sending is not listened to for longer. */
#define GUEST_LINGER_MAX (30 * USEC_PER_SEC)

/* A client that has had the beginning of an answer may have ceased to send its body for that, as nginx does: so much
 * less than others (limits.c) it is waited for. */
#define GUEST_BEGUN_CREDIT (1750 * USEC_PER_MSEC)

static void guest_leave_list(struct lot *lot, struct guest *g) {
        struct lot_list *list = &lot->lists[g->state];

        *(g->prev ? &g->prev->next : &list->first) = g->next;
        *(g->next ? &g->next->prev : &list->last) = g->prev;
        g->prev = g->next = NULL;
        list->n--;
}

static bool guest_is_due_before(const struct lot *lot, const struct guest *g, const struct guest *other,
                                enum guest_state state) {
        if (guest_has_turn(state) && lot->pool->request_receive_timeout > 0)
                return g->begun < other->begun;
        return g->since < other->since;
}

/* Behind those that are due before it: at the end, but for a request on its way that has been here before, and for who
 * is waited for less. */
static void guest_join_list(struct lot *lot, struct guest *g, enum guest_state state) {
        struct lot_list *list = &lot->lists[state];
        struct guest *before = list->last;

        while (before && guest_is_due_before(lot, g, before, state))
                before = before->prev;
        g->state = state;
        g->prev = before;
        g->next = before ? before->next : list->first;
        *(g->prev ? &g->prev->next : &list->first) = g;
        *(g->next ? &g->next->prev : &list->last) = g;
        list->n++;
}

void guest_enter(struct lot *lot, struct guest *g, enum guest_state state) {
        guest_leave_list(lot, g);
        g->since = lot->now;
        if (state == GUEST_DRAINING && (g->flags & PARK_BEGUN))
                g->since -= MIN(g->since, GUEST_BEGUN_CREDIT);
        guest_join_list(lot, g, state);
}

void guest_watch(struct lot *lot, struct guest *g, uint32_t events) {
        struct epoll_event event = { .events = events, .data.ptr = g };

        int r, op = events == 0 ? EPOLL_CTL_DEL : g->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

        if (events == g->watched)
                return;
        r = epoll_ctl(lot->epoll_fd, op, g->fd, &event);
        if (r < 0 && events != 0)
                limits_give_up_unwatched(lot, g, errno);
        else
                g->watched = events;
}

static void guest_free_in(struct lot *lot, struct guest *g) {
        lot->n_bytes -= g->n_in;
        free(g->in);
        g->in = NULL;
        g->n_in = g->size_in = 0;
}

static void guest_free_out(struct lot *lot, struct guest *g) {
        lot->n_bytes -= g->n_out;
        free(g->out);
        g->out = NULL;
        g->n_out = g->n_sent = 0;
}

void guest_close(struct lot *lot, struct guest *g) {
        guest_watch(lot, g, 0); /* workers that have not closed their copies would keep the registration alive */
        g->fd = fd_close(g->fd);
        guest_free_in(lot, g);
        guest_free_out(lot, g);
        lot->n--;
        guest_enter(lot, g, GUEST_GONE);
}

bool guest_store(struct lot *lot, struct guest *g, const uint8_t *data, size_t n) {
        size_t size = MAX(g->size_in, (size_t)512);
        uint8_t *in;

        if (n == 0)
                return true;
        if (!limits_reserve(lot, g, n))
                return false;
        while (size < g->n_in + n)
                size *= 2;
        in = size > g->size_in ? realloc(g->in, size) : g->in;
        if (!in) {
                guest_close(lot, g);
                return false;
        }
        g->in = in;
        g->size_in = size;
        memcpy(g->in + g->n_in, data, n);
        g->n_in += n;
        lot->n_bytes += n;
        return true;
}

/* Bytes in front of the next request that mean nothing: how many of n may go. What has not come of them yet is to be
 * skipped. */
static size_t guest_idle_bytes(struct guest *g, size_t n) {
        size_t k = g->scan.in_request ? g->scan.first : MIN(g->scan.at, n);

        if (!g->scan.in_request)
                g->skip += (uint32_t)(g->scan.at - k);
        g->scan.at = g->scan.in_request ? g->scan.at - k : 0;
        g->scan.first = 0;
        return k;
}

/* Stores n bytes behind those that are there, without those in front that mean nothing. False: g had to be closed. */
static bool guest_store_some(struct lot *lot, struct guest *g, const uint8_t *data, size_t n) {
        size_t k = guest_idle_bytes(g, g->n_in + n), k_in = MIN(k, g->n_in);

        if (k_in > 0) {
                memmove(g->in, g->in + k_in, g->n_in - k_in);
                g->n_in -= k_in;
                lot->n_bytes -= k_in;
        }
        k -= k_in;
        return k == n || guest_store(lot, g, data + k, n - k);
}

/* Half a request has come: it waits for the other half. data, n: bytes that are not stored yet. */
static void guest_wait_for_more(struct lot *lot, struct guest *g, const uint8_t *data, size_t n) {
        enum guest_state state;

        if (!guest_store_some(lot, g, data, n))
                return;
        if (g->n_in > 0 && g->begun == 0)
                g->begun = lot->now;
        if (g->n_in == 0 && lot->finish_at > 0 && (g->begun == 0 || lot->now >= lot->fresh_at)) {
                guest_close(lot, g);
                return;
        }
        state = g->n_in > 0 ? GUEST_RECEIVING : g->begun > 0 ? GUEST_FRESH : GUEST_IDLE;
        if (state != g->state)
                guest_enter(lot, g, state);
        guest_watch(lot, g, EPOLLIN | EPOLLRDHUP);
}

/* Bytes have come, n of them that are not stored yet: what now? */
static void guest_look(struct lot *lot, struct guest *g, const uint8_t *data, size_t n) {
        bool stored = g->n_in > 0;

        if (stored && !guest_store(lot, g, data, n))
                return;
        if (stored) {
                data = g->in;
                n = g->n_in;
        }
        if (fcgi_scan(&g->scan, data, n) != FCGI_SCAN_MORE || n == PARK_BYTES_MAX)
                offers_add(lot, g, data, n);
        else
                guest_wait_for_more(lot, g, stored ? NULL : data, stored ? 0 : n);
}

/* The same while a reply goes out: all that can be done now is to get rid of what means nothing. False: g had to be
 * closed. */
static bool guest_look_ahead(struct lot *lot, struct guest *g, const uint8_t *data, size_t n) {
        if (!guest_store(lot, g, data, n))
                return false;
        if (fcgi_scan(&g->scan, g->in, g->n_in) != FCGI_SCAN_MORE)
                g->flags &= ~(uint32_t)PARK_BODY; /* there is more to it than that */
        else if (!guest_store_some(lot, g, NULL, 0))
                return false;
        return true;
}

static void guest_receive(struct lot *lot, struct guest *g) {
        size_t room = PARK_BYTES_MAX - g->n_in, k;
        ssize_t n = recv(g->fd, lot->buf, room, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                guest_close(lot, g);
                return;
        }
        if (guest_has_turn(g->state) && lot->pool->request_receive_timeout == 0)
                guest_enter(lot, g, g->state); /* without a limit for the whole it is one for silence */
        k = MIN((size_t)n, (size_t)g->skip);
        g->skip -= (uint32_t)k;
        if (k < (size_t)n)
                guest_look(lot, g, lot->buf + k, (size_t)n - k);
}

/* The reply is out, or the client is: what was asked for in that case. */
static void guest_end_reply(struct lot *lot, struct guest *g) {
        guest_free_out(lot, g);
        if (g->flags & PARK_KEEP) {
                guest_look(lot, g, NULL, 0);
                return;
        }
        if (!(g->flags & PARK_LINGER) || shutdown(g->fd, SHUT_WR) < 0) {
                guest_close(lot, g);
                return;
        }
        guest_enter(lot, g, GUEST_LINGERING);
        g->begun = lot->now;
        guest_watch(lot, g, EPOLLIN | EPOLLRDHUP);
}

/* What it sends is heard while its reply goes out. */
static bool guest_is_heard(const struct guest *g) {
        return (g->flags & PARK_BODY) && g->n_in < PARK_BYTES_MAX;
}

/* The rest when there is room again. */
static void guest_wait_for_room(struct lot *lot, struct guest *g) {
        g->unsent = fd_unsent(g->fd);
        guest_watch(lot, g, EPOLLOUT | (guest_is_heard(g) ? EPOLLIN : 0));
}

/* It sends no more, and waits for the reply alone. */
static void guest_hear_end(struct guest *g) {
        g->flags &= ~(uint32_t)(PARK_BODY | PARK_KEEP | PARK_LINGER);
}

/* What it sends while it does not read, a body that nobody wants. That is no reason to wait for it any longer: its time
 * is for reading. */
static void guest_make_way(struct lot *lot, struct guest *g) {
        ssize_t n = recv(g->fd, lot->buf, PARK_BYTES_MAX - g->n_in, MSG_DONTWAIT);
        size_t k;

        if (n < 0 && errno != EAGAIN && errno != EINTR) {
                guest_close(lot, g);
                return;
        }
        if (n == 0)
                guest_hear_end(g);
        if (n > 0) {
                k = MIN((size_t)n, (size_t)g->skip);
                g->skip -= (uint32_t)k;
                if ((g->flags & PARK_KEEP) && !guest_look_ahead(lot, g, lot->buf + k, (size_t)n - k))
                        return;
        }
        guest_wait_for_room(lot, g);
}

/* What came of the body, n bytes that are not stored, has been the last of it, or not. */
static void guest_drain_on(struct lot *lot, struct guest *g, const uint8_t *data, size_t n) {
        if (!guest_look_ahead(lot, g, data, n))
                return;
        if (g->scan.answered_over || !(g->flags & PARK_BODY) || lot->now - g->begun >= GUEST_LINGER_MAX ||
            g->drained >= GUEST_DRAIN_MAX) {
                guest_release(lot, g);
                return;
        }
        guest_enter(lot, g, GUEST_DRAINING);
        guest_watch(lot, g, EPOLLIN | EPOLLRDHUP);
}

static void guest_drain(struct lot *lot, struct guest *g) {
        ssize_t n = recv(g->fd, lot->buf, PARK_BYTES_MAX - g->n_in, MSG_DONTWAIT);
        size_t k;

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < 0) {
                guest_close(lot, g);
                return;
        }
        if (n == 0)
                guest_hear_end(g);
        k = MIN((size_t)n, (size_t)g->skip);
        g->skip -= (uint32_t)k;
        g->drained += (size_t)n;
        guest_drain_on(lot, g, lot->buf + k, (size_t)n - k);
}

static void guest_write(struct lot *lot, struct guest *g) {
        ssize_t n = send(g->fd, g->out + g->n_sent, g->n_out - g->n_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                if (guest_is_heard(g))
                        guest_make_way(lot, g);
                else
                        guest_wait_for_room(lot, g);
                return;
        }
        if (n < 0) {
                guest_close(lot, g);
                return;
        }
        g->n_sent += (size_t)n;
        if (g->n_sent == g->n_out) {
                guest_end_reply(lot, g);
                return;
        }
        guest_enter(lot, g, GUEST_WRITING); /* its time begins anew */
        guest_wait_for_room(lot, g);
}

void guest_release(struct lot *lot, struct guest *g) {
        g->begun = 0;
        guest_enter(lot, g, GUEST_WRITING);
        guest_write(lot, g);
}

static void guest_throw_away(struct lot *lot, struct guest *g) {
        ssize_t n = recv(g->fd, lot->buf, sizeof(lot->buf), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0 || lot->now - g->begun >= GUEST_LINGER_MAX)
                guest_close(lot, g);
        else
                guest_enter(lot, g, GUEST_LINGERING);
}

void guest_on_event(struct lot *lot, struct guest *g) {
        switch (g->state) {
        case GUEST_IDLE:
        case GUEST_FRESH:
        case GUEST_RECEIVING:
                guest_receive(lot, g);
                break;
        case GUEST_WRITING:
                guest_write(lot, g);
                break;
        case GUEST_DRAINING:
                guest_drain(lot, g);
                break;
        case GUEST_LINGERING:
                guest_throw_away(lot, g);
                break;
        case GUEST_WAITING:
        case GUEST_GONE:
        case _GUEST_STATE_MAX:
                break;
        }
}

static uint8_t *guest_copy(const uint8_t *data, size_t n) {
        uint8_t *copy = malloc(MAX(n, (size_t)1));

        return copy ? memcpy(copy, data, n) : NULL;
}

void guest_arrive(struct lot *lot, const struct park_note *note, int fd) {
        struct guest *g = NULL;

        atomic_fetch_add_explicit(&lot->numbers->parked, 1, memory_order_relaxed);
        if (limits_admit(lot, fd))
                g = calloc(1, sizeof(*g));
        if (!g) {
                fd_close(fd);
                return;
        }
        g->fd = fd;
        g->flags = note->flags;
        g->skip = note->skip;
        g->begun = MIN(note->begun, lot->now);
        g->since = g->arrived = lot->now;
        lot->n++;
        guest_join_list(lot, g, g->begun > 0 ? GUEST_FRESH : GUEST_IDLE);
        if (PROBE_ENABLED(park_take))
                PROBE_PARK_TAKE(lot->pool->name, lot->n, note->n_in, note->n_out);

        if (note->n_out == 0 && (note->flags & PARK_KEEP)) {
                guest_look(lot, g, lot->buf, note->n_in);
                return;
        }
        if (!guest_store(lot, g, lot->buf + note->n_out, note->n_in) || !limits_reserve(lot, g, note->n_out))
                return;
        g->out = guest_copy(lot->buf, note->n_out);
        if (!g->out) {
                guest_close(lot, g);
                return;
        }
        g->n_out = note->n_out;
        lot->n_bytes += note->n_out;
        if (note->flags & PARK_DRAIN) {
                g->scan.answered = (uint16_t)note->answered;
                g->begun = lot->now;
                guest_drain_on(lot, g, NULL, 0);
                return;
        }
        guest_enter(lot, g, GUEST_WRITING);
        if (g->n_out == 0)
                guest_end_reply(lot, g);
        else
                guest_write(lot, g);
}
