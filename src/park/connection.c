/* SPDX-License-Identifier: MIT */
/*
 * A connection is read only while its request is not whole, so its client's next bytes stay in the kernel; and its
 * descriptor is shared with the workers that had it, so no call changes it, and none waits.
 */

#include "park/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macros.h"
#include "park/complaints.h"

/* A client that has had the beginning of an answer may have ceased to send its body for that, as nginx does: it is
 * waited for so much less than others (timeouts.c). */
#define CONNECTION_BEGUN_CREDIT (1750 * USEC_PER_MSEC)

usec_t connection_waits_since(const struct park *park, const struct connection *c) {
        enum states_clock clock = states_clock(c->state);
        bool request = clock == STATES_CLOCK_FIRST || clock == STATES_CLOCK_REQUEST;

        return request && park->pool->request_receive_timeout > 0 ? c->begun : c->since;
}

static void connection_leave_list(struct park *park, struct connection *c) {
        struct connection_list *list = &park->lists[c->state];

        *(c->prev ? &c->prev->next : &list->first) = c->next;
        *(c->next ? &c->next->prev : &list->last) = c->prev;
        c->prev = c->next = NULL;
        list->n--;
}

/* That is at the end, but for a request that began before others which came here first, and for a connection that is
 * waited for less. */
static void connection_join_list(struct park *park, struct connection *c, enum connection_state state) {
        struct connection_list *list = &park->lists[state];
        struct connection *before = list->last;

        c->state = state;
        while (before && connection_waits_since(park, c) < connection_waits_since(park, before))
                before = before->prev;
        c->prev = before;
        c->next = before ? before->next : list->first;
        *(c->prev ? &c->prev->next : &list->first) = c;
        *(c->next ? &c->next->prev : &list->last) = c;
        list->n++;
}

struct connection *connection_new(struct park *park, const struct handover *note, int fd) {
        struct connection *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        c->fd = fd;
        c->flags = note->flags;
        c->skip = note->skip;
        c->begun = MIN(note->begun, park->now);
        c->since = c->arrived = park->now;
        park->n++;
        connection_join_list(park, c, c->begun > 0 ? CONNECTION_FRESH : CONNECTION_IDLE);
        return c;
}

void connection_enter(struct park *park, struct connection *c, enum connection_state state) {
        connection_leave_list(park, c);
        c->since = park->now;
        if (state == CONNECTION_DRAINING && (c->flags & HANDOVER_BEGUN))
                c->since -= MIN(c->since, CONNECTION_BEGUN_CREDIT);
        connection_join_list(park, c, state);
}

void connection_renew(struct park *park, struct connection *c, usec_t since) {
        connection_leave_list(park, c);
        c->since = since;
        connection_join_list(park, c, c->state);
}

void connection_watch(struct park *park, struct connection *c, uint32_t events) {
        struct epoll_event event = { .events = events, .data.ptr = c };
        int op = events == 0 ? EPOLL_CTL_DEL : c->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

        if (events == c->watched)
                return;
        if (epoll_ctl(park->epoll_fd, op, c->fd, &event) == 0 || events == 0) {
                c->watched = events;
                return;
        }
        /* By the kernel's limit (fs.epoll.max_user_watches), or for want of memory. */
        complaints_add(park, COMPLAINT_WATCH, c->fd, "nobody would hear of its client: %s", strerror(errno));
        connection_close(park, c);
}

static void connection_free_in(struct park *park, struct connection *c) {
        park->n_bytes -= c->n_in;
        free(c->in);
        c->in = NULL;
        c->n_in = c->size_in = 0;
}

void connection_free_out(struct park *park, struct connection *c) {
        park->n_bytes -= c->n_out;
        free(c->out);
        c->out = NULL;
        c->n_out = c->n_sent = 0;
}

static void connection_leave_shelf(struct park *park, struct connection *c) {
        struct shelf_copy *shelf = c->shelf;

        if (!shelf)
                return;
        c->shelf = NULL;
        if (c->state == CONNECTION_SHELVED) {
                shelf->places[c->place] = NULL;
                return;
        }
        for (unsigned i = 0; i < CLAIMS_PLACES; i++)
                if (shelf->places[i])
                        connection_release(park, shelf->places[i]);
        claims_unmap(shelf->page);
        free(shelf);
}

void connection_release(struct park *park, struct connection *c) {
        connection_leave_shelf(park, c);
        connection_watch(park, c, 0); /* workers that have not closed their copies would keep the registration alive */
        c->fd = fd_close(c->fd);
        connection_free_in(park, c);
        connection_free_out(park, c);
        park->n--;
        connection_enter(park, c, CONNECTION_CLOSED);
}

void connection_close(struct park *park, struct connection *c) {
        if (c->flags & HANDOVER_SHARED)
                shutdown(c->fd, SHUT_RDWR); /* a worker may not have come to closing its descriptor yet */
        connection_release(park, c);
}

void connection_close_all(struct park *park, enum connection_state state) {
        while (park->lists[state].first)
                connection_close(park, park->lists[state].first);
}

void connection_free_closed(struct park *park) {
        struct connection_list *closed = &park->lists[CONNECTION_CLOSED];

        while (closed->first) {
                struct connection *c = closed->first;

                closed->first = c->next;
                free(c);
        }
        *closed = (struct connection_list){};
}
