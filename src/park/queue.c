/* SPDX-License-Identifier: MIT */
/*
 * First come, first served, and checks (ping, status) before all: an operator, or what decides whether this machine is
 * in good health, asks most when there is most to do.
 */

#include "park/queue.h"

#include <sys/epoll.h>

#include "park/connection.h"
#include "park/request.h"

size_t queue_length(const struct park *park) {
        return park->lists[CONNECTION_WAITING].n + park->lists[CONNECTION_CHECK].n;
}

void queue_enter(struct park *park, struct connection *c) {
        struct request r;
        bool check = park->managed && (!request_read(park->pool, c->in, c->n_in, &r) || r.page);

        connection_enter(park, c, check ? CONNECTION_CHECK : CONNECTION_WAITING);
        if (park->pool->queue_abandoned == CONF_ABANDONED_DROP && !check)
                connection_watch(park, c, EPOLLHUP);
}

struct connection *queue_next(const struct park *park) {
        struct connection *check = park->lists[CONNECTION_CHECK].first;

        return check ?: park->lists[CONNECTION_WAITING].first;
}
