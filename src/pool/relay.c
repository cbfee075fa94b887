/* SPDX-License-Identifier: MIT */
/*
 * An address that goes from one pool to another keeps its sockets, so for a while workers of both watch them, each with
 * the doorbell of its own pool. A connection that wakes one whose time is over is the other pool's, which does not hear
 * that doorbell: so the ring is passed on to all pools. A pool that ends is heard at its doorbell, which nobody else
 * answers any more; one that goes on elsewhere, and answers it, by the ends of its old workers.
 */

#include "pool/relay.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "log/log.h"

static int relay_on_doorbell(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct pool *p = userdata;

        if (fd_hear(fd))
                p->env->ring(p->env->userdata);
        return 0;
}

void relay_begin(struct pool *p, bool ends) {
        int r;

        for (struct generation *g = p->generations; g; g = g->next)
                g->relayed = g != p->starting;
        if (!ends || p->doorbell_source)
                return;
        r = sd_event_add_io(p->env->event, &p->doorbell_source, p->doorbell, EPOLLIN, relay_on_doorbell, p);
        if (r < 0)
                log_error("[pool %s] cannot listen to the doorbell: %s", p->name, strerror(-r));
        else
                sd_event_source_set_description(p->doorbell_source, "doorbell");
}

void relay_ring(struct pool *p) {
        bool meddled = fd_keep_nonblock(p->doorbell) == FD_E_BLOCKING;

        if (fd_ring(p->doorbell) == -EINTR) /* it is ringing: nothing is lost */
                meddled = true;
        if (!meddled || p->meddled)
                return;
        p->meddled = true;
        log_warning("[pool %s] a process of the pool has cleared O_NONBLOCK of its doorbell, which others share",
                    p->name);
}

void relay_on_exit(const struct generation *g) {
        if (g->relayed)
                g->pool->env->ring(g->pool->env->userdata);
}
