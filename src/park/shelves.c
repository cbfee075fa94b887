/* SPDX-License-Identifier: MIT */
/*
 * A shelf is not looked at while its worker is idle: the worker hears its connections itself. One that begins with
 * something while the park does not watch rings. From then on the park looks at it once in a while, until the worker is
 * seen idle, or nothing is left to take over. It takes what has had a request in two looks on end, so for a moment; of
 * a worker that has gone on meanwhile one at a time, of one that has not all of them, and after some more looks those
 * without a request too: those are heard by epoll then, and nobody needs to look.
 */

#include "park/shelves.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macros.h"
#include "park/connection.h"
#include "park/limits.h"
#include "park/receiving.h"
#include "park/shelved.h"
#include "scoreboard/stages.h"

/* Between two looks; and so many at the same thing that the worker does until it is left alone with that. */
#define SHELVES_PERIOD USEC_PER_MSEC
#define SHELVES_LONG   10U

/* So many looks on end at nothing, and the park rests. */
#define SHELVES_REST 2U

/* Messages that are taken from a channel in one turn. */
#define SHELVES_AT_ONCE 64U

void shelves_add(struct park *park, int channel) {
        const struct handover note = {};
        struct connection *c = NULL;

        if (!park->managed && park->finish_at == 0 && limits_admit_shelf(park))
                c = connection_new(park, &note, channel);
        if (!c) {
                fd_close(channel);
                return;
        }
        c->shelf = calloc(1, sizeof(*c->shelf));
        if (!c->shelf) {
                connection_release(park, c);
                return;
        }
        connection_enter(park, c, CONNECTION_SHELF);
        connection_watch(park, c, EPOLLIN | EPOLLRDHUP);
}

/* It is the park's, which hears its client from now on. What the worker left in the socket is the first to be heard. */
static void shelves_adopt(struct park *park, struct connection *c) {
        ssize_t n = recv(c->fd, park->buf, HANDOVER_BYTES_MAX, MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
                connection_close(park, c);
                return;
        }
        receiving_look(park, c, park->buf, n > 0 ? (size_t)n : 0);
}

/* The worker's descriptor is all that is needed, while there is no room here; unless it is idle, and would wait for a
 * worker that may be busy. */
static void shelves_refuse(const struct claims_at *at, int fd) {
        if (claims_claim(at))
                shutdown(fd, SHUT_RDWR);
        fd_close(fd);
}

static void shelves_shelve(struct park *park, struct connection *shelf, const struct claims_note *note, int fd) {
        const struct claims_at at = { shelf->shelf->page, note->place, note->serial };
        struct connection **place = &shelf->shelf->places[note->place], *c = NULL;

        if (*place)
                connection_release(park, *place);
        if (limits_admit(park, fd))
                c = connection_new(park, &(struct handover){}, fd);
        if (!c) {
                shelves_refuse(&at, fd);
                return;
        }
        c->shelf = shelf->shelf;
        c->place = note->place;
        c->serial = note->serial;
        *place = c;
        atomic_fetch_add_explicit(&park->numbers->parked, 1, memory_order_relaxed);
        connection_enter(park, c, CONNECTION_SHELVED);
}

static void shelves_watch(struct park *park, struct connection *shelf) {
        if (shelf->state == CONNECTION_WATCHED)
                return;
        atomic_store(&shelf->shelf->page->watched, 1);
        shelf->shelf->turn = atomic_load(&shelf->shelf->page->turn);
        shelf->shelf->n_same = shelf->shelf->n_rested = 0;
        shelf->shelf->crowded = false;
        connection_enter(park, shelf, CONNECTION_WATCHED);
        if (park->look_at == 0)
                park->look_at = park->now + SHELVES_PERIOD;
}

/* One message. False: it makes no sense. Takes over fd, if there is one. */
static bool shelves_hear(struct park *park, struct connection *shelf, const struct claims_note *note, int fd) {
        struct shelf_copy *copy = shelf->shelf;
        struct connection *c = copy->places[note->place];
        bool ok = true;

        if ((note->kind == CLAIMS_NOTE_PAGE) != !copy->page) {
                fd_close(fd);
                return false;
        }
        switch ((enum claims_kind)note->kind) {
        case CLAIMS_NOTE_PAGE:
                ok = claims_map(fd, &copy->page) == 0;
                fd_close(fd);
                break;
        case CLAIMS_NOTE_SHELVE:
                shelves_shelve(park, shelf, note, fd);
                break;
        case CLAIMS_NOTE_GONE:
                if (c && c->serial == note->serial)
                        connection_release(park, c);
                break;
        case CLAIMS_NOTE_GIVE:
                if (c && c->serial == note->serial) {
                        shelved_take(park, c);
                        shelves_adopt(park, c);
                }
                break;
        case CLAIMS_NOTE_RING:
                shelves_watch(park, shelf);
                break;
        case _CLAIMS_NOTE_MAX:
                break;
        }
        return ok;
}

/* 0: nothing is there any more; else the channel is at its end, or of no use. */
static int shelves_receive(struct park *park, struct connection *shelf, unsigned n_max) {
        for (unsigned i = 0; i < n_max; i++) {
                struct claims_note note;
                int fd = -1, r;

                r = claims_receive(shelf->fd, &note, &fd);
                if (r == CLAIMS_E_EMPTY)
                        return 0;
                if (r != 0 || !shelves_hear(park, shelf, &note, fd))
                        return r ?: -EBADMSG;
        }
        return 0;
}

/* A worker is gone that had it there: what it was serving is lost, and other workers may have a descriptor of that;
 * what it was about to give is the park's. The rest the worker has closed, or handed over otherwise. */
static void shelves_inherit(struct park *park, struct connection *c) {
        const struct claims_at at = shelved_at(c);
        uint64_t word;

        switch (claims_look(&at, &word)) {
        case CLAIMS_BUSY:
                c->flags |= HANDOVER_SHARED;
                connection_close(park, c);
                break;
        case CLAIMS_PARKED:
                shelved_take(park, c);
                shelves_adopt(park, c);
                break;
        default:
                connection_release(park, c);
        }
}

/* Nobody serves what is on it, but for the worker what it has in hand, if it is still there. */
static void shelves_dissolve(struct park *park, struct connection *shelf, bool worker_is_gone) {
        struct shelf_copy *copy = shelf->shelf;

        for (unsigned i = 0; i < CLAIMS_PLACES; i++) {
                struct connection *c = copy->places[i];

                if (!c)
                        continue;
                if (shelved_claim(park, c))
                        shelves_adopt(park, c);
                else if (worker_is_gone)
                        shelves_inherit(park, c);
                else
                        connection_release(park, c);
        }
        connection_release(park, shelf);
}

void shelves_on_event(struct park *park, struct connection *c) {
        int r = shelves_receive(park, c, SHELVES_AT_ONCE);

        if (r != 0)
                shelves_dissolve(park, c, r == CLAIMS_E_GONE);
}

/* The kernel refuses under the lock under which it queues: see intake_take_last(). */
static void shelves_leave_one(struct park *park, struct connection *shelf) {
        int r;

        shutdown(shelf->fd, SHUT_RD);
        do
                r = shelves_receive(park, shelf, SHELVES_AT_ONCE);
        while (r == 0 && fd_unread(shelf->fd) > 0);
        shelves_dissolve(park, shelf, false);
}

void shelves_leave(struct park *park) {
        while (park->lists[CONNECTION_SHELF].first)
                shelves_leave_one(park, park->lists[CONNECTION_SHELF].first);
        while (park->lists[CONNECTION_WATCHED].first)
                shelves_leave_one(park, park->lists[CONNECTION_WATCHED].first);
}

/* Some worker waits for something to do. */
static bool shelves_somebody_idles(const struct park *park) {
        const volatile struct scoreboard *s = park->scoreboard;
        uint32_t n = s ? MIN(s->header.n_used, (uint32_t)SCOREBOARD_SLOTS) : 0;

        for (uint32_t i = 0; i < n; i++)
                if (s->slots[i].stage == STAGE_ACCEPTING)
                        return true;
        return false;
}

/* What the worker is not serving, and so may be taken over. */
struct shelves_idle {
        struct connection *at[CLAIMS_PLACES];
        uint64_t words[CLAIMS_PLACES];
        struct pollfd polls[CLAIMS_PLACES];
        unsigned n;
        unsigned n_ready;
};

static void shelves_find_idle(const struct shelf_copy *copy, struct shelves_idle *ret) {
        ret->n = ret->n_ready = 0;
        for (unsigned i = 0; i < CLAIMS_PLACES; i++) {
                struct connection *c = copy->places[i];
                struct claims_at at;

                if (!c)
                        continue;
                at = shelved_at(c);
                if (claims_look(&at, &ret->words[ret->n]) != CLAIMS_IDLE)
                        continue;
                ret->polls[ret->n] = (struct pollfd){ .fd = c->fd, .events = POLLIN | POLLRDHUP };
                ret->at[ret->n++] = c;
        }
}

/* How many are to be taken over: of those that are ready, or of all. */
static unsigned shelves_count_due(const struct park *park, struct shelf_copy *copy, const struct shelves_idle *idle) {
        bool crowded = copy->crowded && idle->n_ready > 1;

        copy->crowded = idle->n_ready > 1;
        if (copy->n_same > 0)
                return CLAIMS_PLACES;
        return crowded && shelves_somebody_idles(park) ? 1 : 0;
}

static void shelves_take_due(struct park *park, struct shelf_copy *copy, struct shelves_idle *idle) {
        bool all = copy->n_same >= SHELVES_LONG;
        unsigned n, n_late = 1;

        if (poll(idle->polls, idle->n, 0) > 0)
                for (unsigned i = 0; i < idle->n; i++)
                        idle->n_ready += idle->polls[i].revents != 0;
        n = shelves_count_due(park, copy, idle);
        for (unsigned i = 0; i < idle->n; i++) {
                struct connection *c = idle->at[i];
                bool is_late;

                if (idle->polls[i].revents == 0 && !all)
                        continue;
                is_late = c->waits == idle->words[i] && n_late > 0;
                c->waits = idle->words[i];
                if (n == 0 && !is_late)
                        continue;
                n -= n > 0;
                n_late -= is_late;
                if (shelved_claim(park, c))
                        shelves_adopt(park, c);
        }
}

/* The park has said that it does not watch any more: the worker that begins with something now rings. True: it had
 * begun before. */
static bool shelves_is_needed(const struct shelf_copy *copy, struct shelves_idle *idle) {
        if (!(atomic_load(&copy->page->turn) & 1U))
                return false;
        shelves_find_idle(copy, idle);
        return idle->n > 0;
}

static void shelves_rest(struct park *park, struct connection *shelf, struct shelves_idle *idle) {
        struct shelf_copy *copy = shelf->shelf;

        copy->n_rested = 0;
        atomic_store(&copy->page->watched, 0);
        if (shelves_is_needed(copy, idle))
                atomic_store(&copy->page->watched, 1);
        else
                connection_enter(park, shelf, CONNECTION_SHELF);
}

static void shelves_look(struct park *park, struct connection *shelf) {
        struct shelf_copy *copy = shelf->shelf;
        uint32_t turn = atomic_load(&copy->page->turn);
        struct shelves_idle idle = { .n = 0 };

        copy->n_same = turn == copy->turn ? copy->n_same + 1 : 0;
        copy->turn = turn;
        if (turn & 1U)
                shelves_find_idle(copy, &idle);
        if (idle.n > 0) {
                copy->n_rested = 0;
                shelves_take_due(park, copy, &idle);
        } else if (++copy->n_rested >= SHELVES_REST)
                shelves_rest(park, shelf, &idle);
}

usec_t shelves_enforce(struct park *park) {
        struct connection *c, *next;

        if (park->look_at == 0)
                return USEC_INFINITY;
        if (park->now < park->look_at)
                return park->look_at;
        for (c = park->lists[CONNECTION_WATCHED].first; c; c = next) {
                next = c->next;
                shelves_look(park, c);
        }
        park->look_at = park->lists[CONNECTION_WATCHED].first ? park->now + SHELVES_PERIOD : 0;
        return park->look_at ?: USEC_INFINITY;
}
