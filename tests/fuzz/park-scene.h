/* SPDX-License-Identifier: MIT */
#pragma once
/* A park with real pairs of sockets, for the targets that lie to it; and what must hold of it after each step. */

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macros.h"
#include "conn/handover.h"
#include "log/log.h"
#include "park/connection.h"
#include "park/loop.h"

struct scene_park {
        struct conf_pool pool;
        struct scoreboard_park numbers;
        uint32_t stopping;
        struct park park;
        int intake[2], offers[2], orders[2], signals[2];
};

static inline void scene_pair(int type, int ret[static 2]) {
        if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret) < 0)
                abort();
}

static inline void scene_close_pair(const int pair[static 2]) {
        fd_close(pair[0]);
        fd_close(pair[1]);
}

/* Its numbers are as large as a park's, but for the limits, which should be met. */
static inline void scene_open_park(struct scene_park *s, usec_t now) {
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_ALERT });
        if (handover_pair(s->intake) < 0 || handover_pair(s->offers) < 0)
                abort();
        scene_pair(SOCK_SEQPACKET, s->orders);
        scene_pair(SOCK_STREAM, s->signals);
        s->pool.park_max_bytes = 100000;
        s->pool.park_first_byte_timeout = 5 * USEC_PER_SEC;
        s->pool.park_rest_timeout = 120 * USEC_PER_SEC;
        s->pool.park_idle_timeout = 300 * USEC_PER_SEC;
        s->park = (struct park){ .pool = &s->pool, .numbers = &s->numbers, .n_max = 5, .n_shelves_max = 2, .now = now };
        s->park.stopping = &s->stopping;
        s->park.intake = s->intake[0];
        s->park.offers = s->offers[1];
        s->park.orders = s->orders[0];
        s->park.signal_fd = s->signals[0];
        if (park_init(&s->park) < 0)
                abort();
}

static inline void scene_close_park(struct scene_park *s) {
        for (enum connection_state state = 0; state < CONNECTION_CLOSED; state++)
                connection_close_all(&s->park, state);
        assert(s->park.n == 0 && s->park.n_bytes == 0);
        connection_free_closed(&s->park);
        scene_close_pair(s->intake);
        scene_close_pair(s->offers);
        scene_close_pair(s->orders);
        scene_close_pair(s->signals);
        fd_close(s->park.epoll_fd);
}

/* A place of a shelf and its connection know each other. */
static inline void scene_check_shelf(const struct shelf_copy *copy) {
        for (uint32_t i = 0; i < CLAIMS_PLACES; i++) {
                const struct connection *c = copy->places[i];

                assert(!c || (c->state == CONNECTION_SHELVED && c->shelf == copy && c->place == i && copy->page));
        }
}

static inline void scene_check_connection(const struct connection *c) {
        assert(c->fd >= 0 && c->n_in <= c->size_in && c->n_sent <= c->n_out);
        if (c->state == CONNECTION_SHELF || c->state == CONNECTION_WATCHED)
                scene_check_shelf(c->shelf);
        else if (c->state == CONNECTION_SHELVED)
                assert(c->shelf->places[c->place] == c && c->n_in == 0 && c->n_out == 0 && c->watched == 0);
        else
                assert(!c->shelf);
}

/* Adds its bytes to *n_bytes. */
static inline void scene_check_list(const struct park *park, enum connection_state state, size_t *n_bytes) {
        const struct connection_list *list = &park->lists[state];
        const struct connection *before = NULL;
        size_t n = 0;

        for (const struct connection *c = list->first; c; before = c, c = c->next, n++) {
                assert(c->state == state && c->prev == before && c->since <= park->now);
                assert(!before || connection_waits_since(park, before) <= connection_waits_since(park, c));
                scene_check_connection(c);
                *n_bytes += c->n_in + c->n_out;
        }
        assert(list->last == before && list->n == n);
}

static inline void scene_check_park(const struct park *park) {
        size_t n_shelves = park->lists[CONNECTION_SHELF].n + park->lists[CONNECTION_WATCHED].n, n = 0, n_bytes = 0;

        for (enum connection_state state = 0; state < CONNECTION_CLOSED; state++) {
                scene_check_list(park, state, &n_bytes);
                n += park->lists[state].n;
        }
        assert(n == park->n && n - n_shelves <= park->n_max && n_shelves <= park->n_shelves_max);
        assert(n_bytes == park->n_bytes && n_bytes <= park->pool->park_max_bytes);
        assert(park->look_at > 0 || park->lists[CONNECTION_WATCHED].n == 0);
}

/* The next one, as a worker takes it: its descriptor, the caller's; -1: there is none. */
static inline int scene_take_offer(const struct scene_park *s) {
        static uint8_t buf[2 * HANDOVER_BYTES_MAX];
        struct handover note;
        int fd, r = handover_receive(s->offers[0], &note, buf, sizeof(buf), &fd);

        assert(r == 0 || r == HANDOVER_E_EMPTY);
        if (r != 0)
                return -1;
        assert(note.n_out == 0 && note.begun <= s->park.now);
        return fd;
}
