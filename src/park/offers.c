/* SPDX-License-Identifier: MIT */
/*
 * The socket's own queue is the line in which requests wait; behind it there is the list of those for which it has no
 * room. First in, first out, over both.
 */

#include "park/offers.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/macros.h"
#include "log/log.h"
#include "park/connection.h"
#include "park/queue.h"
#include "probe/probes.h"
#include "scoreboard/offered.h"

/* When the kernel is asked again that was short of something else than room in the socket. */
#define OFFERS_RETRY (10 * USEC_PER_MSEC)

static void offers_watch(struct park *park, bool on) {
        struct epoll_event event = { .events = EPOLLOUT, .data.ptr = &park->offers };
        int r;

        if (on == park->offers_watched || park->managed)
                return;
        r = epoll_ctl(park->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, park->offers, &event);
        if (r < 0 && on)
                park->retry_at = park->now + OFFERS_RETRY;
        else
                park->offers_watched = on;
}

/* As offers_add(), even if others wait. */
static int offers_send(struct park *park, struct connection *c, const uint8_t *in, size_t n) {
        const uint32_t flags = HANDOVER_KEEP | (c->flags & HANDOVER_SHARED);
        struct handover note = { .flags = flags, .n_in = (uint32_t)n, .begun = c->begun, .whole = park->now };
        int r;

        if (park->managed && fd_unsent(park->offers) > PARK_NONE_UNSENT)
                return OFFERS_E_WAIT; /* told when that one is taken */
        if (queue_holds(c->state))
                note.whole = c->since;
        r = handover_send(park->offers, &note, &(struct handover_content){ .connection = c->fd, .in = in });

        park->retry_at = r == -ETOOMANYREFS || r == -ENOBUFS || r == -ENOMEM ? park->now + OFFERS_RETRY : 0;
        if (r == HANDOVER_E_FULL || park->retry_at > 0) {
                offers_watch(park, r == HANDOVER_E_FULL);
                return OFFERS_E_WAIT;
        }
        queue_on_offered(park, c->state);
        if (r == 0) {
                offered_count(park->numbers);
                if (PROBE_ENABLED(park_offer))
                        PROBE_PARK_OFFER(park->pool->name, park->n, n, (time_now() - c->arrived) * NSEC_PER_USEC);
        } else
                log_error("a request is lost, since no worker can be offered it: %s", strerror(-r));
        if (r == 0)
                connection_release(park, c);
        else
                connection_close(park, c);
        return 0;
}

int offers_add(struct park *park, struct connection *c, const uint8_t *in, size_t n) {
        connection_watch(park, c, 0);
        return queue_length(park) == 0 ? offers_send(park, c, in, n) : OFFERS_E_WAIT;
}

int offers_open(struct park *park) {
        struct epoll_event event = { .events = EPOLLOUT | EPOLLET, .data.ptr = &park->offers };

        if (!park->managed)
                return 0;
        return epoll_ctl(park->epoll_fd, EPOLL_CTL_ADD, park->offers, &event) < 0 ? -errno : 0;
}

void offers_go_on(struct park *park) {
        struct connection *c;

        while ((c = queue_next(park)))
                if (offers_send(park, c, c->in, c->n_in) != 0)
                        return;
        offers_watch(park, false);
        park->retry_at = 0;
}
