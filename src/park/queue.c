/* SPDX-License-Identifier: MIT */
/*
 * First come, first served, and checks (ping, status) before all: an operator, or what decides whether this machine is
 * in good health, asks most when there is most to do.
 */

#include "park/queue.h"

#include <string.h>
#include <sys/epoll.h>

#include "base/macros.h"
#include "park/connection.h"
#include "park/request.h"

/* How often each class has its turn, where all of them wait: 8, 4 and 1 of 13 times. A turn's length is so much time by
 * the class's own clock, and the one whose clock is behind is next. */
static const struct {
        enum connection_state state;
        uint64_t length;
} queue_classes[_PARK_CLASS_MAX] = {
        [PARK_CLASS_HIGH] = { CONNECTION_HIGH, 1 },
        [PARK_CLASS_NORMAL] = { CONNECTION_WAITING, 2 },
        [PARK_CLASS_LOW] = { CONNECTION_LOW, 8 },
};

size_t queue_length_limited(const struct park *park) {
        size_t n = 0;

        for (unsigned i = 0; i < _PARK_CLASS_MAX; i++)
                n += park->lists[queue_classes[i].state].n;
        return n;
}

size_t queue_length(const struct park *park) {
        return queue_length_limited(park) + park->lists[CONNECTION_CHECK].n;
}

bool queue_holds(enum connection_state state) {
        return state == CONNECTION_CHECK || state == CONNECTION_WAITING || state == CONNECTION_HIGH ||
               state == CONNECTION_LOW;
}

struct connection *queue_first(const struct park *park) {
        struct connection *first = NULL;

        for (unsigned i = 0; i < _PARK_CLASS_MAX; i++) {
                struct connection *c = park->lists[queue_classes[i].state].first;

                if (c && (!first || c->since < first->since))
                        first = c;
        }
        return first;
}

struct connection *queue_last(const struct park *park) {
        struct connection *last = NULL;

        for (unsigned i = 0; i < _PARK_CLASS_MAX; i++)
                last = park->lists[queue_classes[i].state].last ?: last;
        return last;
}

/* A class of which nobody waited has missed its turns; and after a time without a queue all are even. */
static void queue_catch_up(struct park *park, enum park_class class) {
        uint64_t least = UINT64_MAX;

        if (queue_length_limited(park) == 0)
                memset(park->turns, 0, sizeof(park->turns));
        if (park->lists[queue_classes[class].state].n > 0)
                return;
        for (unsigned i = 0; i < _PARK_CLASS_MAX; i++)
                if (park->lists[queue_classes[i].state].n > 0)
                        least = MIN(least, park->turns[i]);
        if (least != UINT64_MAX)
                park->turns[class] = MAX(park->turns[class], least);
}

void queue_enter(struct park *park, struct connection *c) {
        struct request r = { .class = PARK_CLASS_NORMAL };
        bool check = false;

        if (park->managed) {
                request_read(park->pool, c->in, c->n_in, &r);
                check = !r.begun || r.page;
        }
        if (!check)
                queue_catch_up(park, r.class);
        connection_enter(park, c, check ? CONNECTION_CHECK : queue_classes[r.class].state);
        if (park->pool->queue_abandoned == CONF_ABANDONED_DROP && !check)
                connection_watch(park, c, EPOLLHUP);
}

enum park_class queue_pick(const size_t n[static _PARK_CLASS_MAX], const uint64_t turns[static _PARK_CLASS_MAX]) {
        enum park_class best = _PARK_CLASS_MAX;

        for (enum park_class i = 0; i < _PARK_CLASS_MAX; i++)
                if (n[i] > 0 && (best == _PARK_CLASS_MAX || turns[i] < turns[best]))
                        best = i;
        return best;
}

struct connection *queue_next(const struct park *park) {
        size_t n[_PARK_CLASS_MAX];
        enum park_class class;

        if (park->lists[CONNECTION_CHECK].first)
                return park->lists[CONNECTION_CHECK].first;
        for (unsigned i = 0; i < _PARK_CLASS_MAX; i++)
                n[i] = park->lists[queue_classes[i].state].n;
        class = queue_pick(n, park->turns);
        return class == _PARK_CLASS_MAX ? NULL : park->lists[queue_classes[class].state].first;
}

void queue_on_offered(struct park *park, enum connection_state state) {
        for (unsigned i = 0; i < _PARK_CLASS_MAX; i++)
                if (queue_classes[i].state == state)
                        park->turns[i] += queue_classes[i].length;
}
