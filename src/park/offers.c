/* SPDX-License-Identifier: MIT */
/*
 * The way back to the workers. The socket's own queue is the line in which requests wait; behind it there is the list
 * of those for which it has no room. First in, first out, over both.
 */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/macros.h"
#include "log/log.h"
#include "park/lot.h"
#include "probe/probes.h"

/* When the kernel is asked again that was short of something else than room in the socket. */
#define OFFERS_RETRY (10 * USEC_PER_MSEC)

static void offers_watch(struct lot *lot, bool on) {
        struct epoll_event event = { .events = EPOLLOUT, .data.ptr = &lot->offers };
        int r;

        if (on == lot->offers_watched)
                return;
        r = epoll_ctl(lot->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, lot->offers, &event);
        if (r < 0 && on)
                lot->retry_at = lot->now + OFFERS_RETRY;
        else
                lot->offers_watched = on;
}

/* 0: it is on its way, or lost; OFFERS_E_WAIT. */
enum { OFFERS_E_WAIT = 1 };
static int offers_send(struct lot *lot, struct guest *g, const uint8_t *in, size_t n) {
        struct park_note note = { .flags = PARK_KEEP, .n_in = (uint32_t)n, .begun = g->begun, .whole = lot->now };
        int r;

        if (g->state == GUEST_WAITING)
                note.whole = g->since;
        r = park_send(lot->offers, &note, NULL, in, g->fd);

        lot->retry_at = r == -ETOOMANYREFS || r == -ENOBUFS || r == -ENOMEM ? lot->now + OFFERS_RETRY : 0;
        if (r == PARK_E_FULL || lot->retry_at > 0) {
                offers_watch(lot, r == PARK_E_FULL);
                return OFFERS_E_WAIT;
        }
        if (r == 0) {
                atomic_fetch_add_explicit(&lot->numbers->offered, 1, memory_order_relaxed);
                if (PROBE_ENABLED(park_offer))
                        PROBE_PARK_OFFER(lot->pool->name, lot->n, n, (time_now() - g->arrived) * NSEC_PER_USEC);
        } else
                log_error("a request is lost, since no worker can be offered it: %s", strerror(-r));
        guest_close(lot, g);
        return 0;
}

void offers_add(struct lot *lot, struct guest *g, const uint8_t *in, size_t n) {
        guest_watch(lot, g, 0);
        if (lot->lists[GUEST_WAITING].n == 0 && offers_send(lot, g, in, n) == 0)
                return;
        if (in != g->in && !guest_store(lot, g, in, n))
                return;
        guest_enter(lot, g, GUEST_WAITING);
}

void offers_go_on(struct lot *lot) {
        struct guest *g;

        while ((g = lot->lists[GUEST_WAITING].first))
                if (offers_send(lot, g, g->in, g->n_in) != 0)
                        return;
        offers_watch(lot, false);
        lot->retry_at = 0;
}
