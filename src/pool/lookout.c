/* SPDX-License-Identifier: MIT */
/*
 * See lookout.h. The entries are edge-triggered: an event says that something has come since, and whether something
 * waits is asked of the listeners themselves, whenever it matters. They are taken out one by one, by number: other
 * processes have copies of these sockets, so closing ours would not end an entry.
 */

#include "pool/lookout.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include "base/fd.h"

/* Events taken in one turn of the loop, one by one: what follows from one may end another pool's entries. */
#define LOOKOUT_EVENTS 64

static int lookout_on_event(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct lookout *l = userdata;
        struct epoll_event event;

        l->tells = true;
        for (unsigned i = 0; i < LOOKOUT_EVENTS && epoll_wait(fd, &event, 1, 0) == 1; i++)
                picture_changed(event.data.ptr);
        l->tells = false;
        return 0;
}

bool lookout_has_more(const struct lookout *l) {
        struct pollfd p = { .fd = l->fd, .events = POLLIN };

        return poll(&p, 1, 0) > 0;
}

int lookout_init(struct lookout *l, sd_event *event) {
        int r;

        *l = (struct lookout){ .fd = epoll_create1(EPOLL_CLOEXEC) };
        if (l->fd < 0)
                return -errno;
        r = sd_event_add_io(event, &l->source, l->fd, EPOLLIN, lookout_on_event, l);
        return r < 0 ? r : sd_event_source_set_description(l->source, "sleeping-pools");
}

void lookout_done(struct lookout *l) {
        l->source = sd_event_source_disable_unref(l->source);
        l->fd = fd_close(l->fd);
}

/* The listeners, and the park's sockets, by which connections come that are known already. -1: there is none. */
static int lookout_fd(const struct pool *p, const struct generation *g, size_t i) {
        size_t n = g->listeners.n;

        return i < n ? g->listeners.fds[i] : i == n ? p->parks.offers[0] : p->parks.intake[0];
}

static size_t lookout_n(const struct generation *g) {
        return g->listeners.n + 2;
}

int lookout_begin(struct lookout *l, struct pool *p, struct generation *g) {
        lookout_end(l, p);
        p->wake.watched = g;
        for (size_t i = 0; i < lookout_n(g); i++) {
                struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = p };
                int fd = lookout_fd(p, g, i), r;

                if (fd < 0 || epoll_ctl(l->fd, EPOLL_CTL_ADD, fd, &event) == 0)
                        continue;
                r = -errno;
                lookout_end(l, p);
                return r;
        }
        return 0;
}

void lookout_end(struct lookout *l, struct pool *p) {
        const struct generation *g = p->wake.watched;

        for (size_t i = 0; g && i < lookout_n(g); i++)
                epoll_ctl(l->fd, EPOLL_CTL_DEL, lookout_fd(p, g, i), NULL);
        p->wake.watched = NULL;
}
