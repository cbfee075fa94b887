/* SPDX-License-Identifier: MIT */
/* See backlog.h. The event itself carries nothing: supervise_pool() looks at the listeners whenever it plans. */

#include "pool/backlog.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "pool/queue.h"
#include "untrusted/board.h"

/* Taken at once: more are told by the next event. */
#define BACKLOG_EVENTS 16

/* A pool without an idle worker has an event for each connection. That somebody waits is known after the first one, and
 * nothing is decided sooner than this. */
#define BACKLOG_INTERVAL (5 * USEC_PER_MSEC)
#define BACKLOG_BURST    2

static int backlog_on_event(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        struct epoll_event events[BACKLOG_EVENTS];

        (void)!epoll_wait(fd, events, BACKLOG_EVENTS, 0); /* edges: having looked is all it takes */
        picture_changed(g->pool);
        return 0;
}

static int backlog_begin(struct generation *g) {
        _cleanup_fd_ int fd = epoll_create1(EPOLL_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = sd_event_add_io(g->pool->env->event, &g->backlog.source, fd, EPOLLIN, backlog_on_event, g);
        if (r < 0)
                return r;
        r = sd_event_source_set_ratelimit(g->backlog.source, BACKLOG_INTERVAL, BACKLOG_BURST);
        if (r < 0)
                return r;
        sd_event_source_set_description(g->backlog.source, "waiting-connections");
        g->backlog.fd = TAKE_FD(fd);
        return 0;
}

/* Where connections wait for a worker: at the listeners, and behind them in the park's offers. */
static int backlog_fd(const struct generation *g, size_t i) {
        return i < g->listeners.n ? g->listeners.fds[i] : g->pool->parks.offers[0];
}

int backlog_watch(struct generation *g) {
        if (g->backlog.fd < 0) {
                int r = backlog_begin(g);

                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i <= g->listeners.n; i++) {
                struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLET };
                int fd = backlog_fd(g, i);

                epoll_ctl(g->backlog.fd, EPOLL_CTL_DEL, fd, NULL);
                if (epoll_ctl(g->backlog.fd, EPOLL_CTL_ADD, fd, &event) < 0)
                        return -errno;
        }
        return 0;
}

void backlog_end(struct generation *g) {
        g->backlog.source = sd_event_source_disable_unref(g->backlog.source);
        g->backlog.fd = fd_close(g->backlog.fd);
}

/* How many wait at one of them, of which some do. Of the park's offers that is the park's word, which bounds how many
 * workers its own pool gets. */
static unsigned backlog_count_at(const struct generation *g, size_t i) {
        struct queue_state queue;

        if (i == g->listeners.n)
                queue.waiting = untrusted_board_waiting(g->pool->scoreboard);
        else if (!queue_of_listener(g->listeners.fds[i], &queue))
                return UINT_MAX;
        return queue.waiting == 0 ? 1 : (unsigned)MIN(queue.waiting, UINT_MAX);
}

unsigned backlog_count(const struct generation *g) {
        unsigned n = 0;

        for (size_t i = 0; i <= g->listeners.n; i++) {
                struct pollfd p = { .fd = backlog_fd(g, i), .events = POLLIN };

                if (poll(&p, 1, 0) > 0 && (p.revents & POLLIN)) {
                        unsigned here = backlog_count_at(g, i);

                        n = here < UINT_MAX - n ? n + here : UINT_MAX;
                }
                if (i + 1 == g->listeners.n && n < UINT_MAX)
                        g->pool->queue.most =
                                MAX(g->pool->queue.most, n); /* of the listeners alone, since it is known */
        }
        return n;
}
