/* SPDX-License-Identifier: MIT */
/*
 * See stop.h. Under systemd the sockets outlive the service, and who connects meanwhile waits for the next start. Where
 * fpmd has made them itself, and there is no fd store that keeps them (a container, another supervisor), they end with
 * it, and a connection that has been made must be served before. So an address is closed to new clients first, and to
 * those that have connected later:
 *
 *     --drain-time   load balancers are told, and go on sending until they know: all is served
 *     closing        new clients are not let in; TCP connections that the kernel holds back until their first bytes
 *                    come (defer.c) get the time to come
 *     master_stop()  what waits in the queues goes to the park (drain.c), and workers end
 */

#include "master/stop.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "log/log.h"
#include "master/defer.h"
#include "master/master.h"
#include "master/notify.h"
#include "master/sockets.h"
#include "master/wishes.h"
#include "pool/health.h"

/* A client that is not let in tries again after a second, and is refused then. How long those take that are on their
 * way. */
static usec_t stop_close_set(struct listen_set *s) {
        listen_set_unlink(s);
        for (size_t i = 0; i < s->n; i++) {
                int r = sockets_refuse(s->fds[i]);

                if (r < 0) {
                        log_warning("[pool %s] clients that connect to '%s' from now on may be reset: %s", s->pool,
                                    s->listen, strerror(-r));
                        break;
                }
        }
        return defer_end(s);
}

static usec_t stop_close(struct master *m) {
        usec_t longest = 0;

        for (size_t i = 0; i < m->n_pools; i++) {
                struct master_pool *mp = m->pools[i];

                if (mp->state != STATE_POOL_LEAVES && !mp->listeners->inherited && !mp->listeners->stored)
                        longest = MAX(longest, stop_close_set(mp->listeners));
        }
        return longest;
}

/* Nothing to wait for, or no way to. */
static void stop_now(struct master *m) {
        m->stop.timer = sd_event_source_disable_unref(m->stop.timer);
        master_stop(m, false);
}

static void stop_after(struct master *m, usec_t wait) {
        if (wait == 0 || sd_event_source_set_time_relative(m->stop.timer, wait) < 0 ||
            sd_event_source_set_enabled(m->stop.timer, SD_EVENT_ONESHOT) < 0)
                stop_now(m);
}

static void stop_go_on(struct master *m) {
        if (m->stop.step == STATE_STOP_CLOSES) {
                stop_now(m);
                return;
        }
        m->stop.step = STATE_STOP_CLOSES;
        for (size_t i = 0; i < m->n_pools; i++)
                m->pools[i]->pool->health.drained = true; /* for those who ask in that time */
        stop_after(m, stop_close(m));
}

static int stop_on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct master *m = userdata;

        if (m->state != STATE_STOPPING)
                stop_go_on(m);
        return 0;
}

static int stop_add_timer(struct master *m) {
        int r = sd_event_add_time(m->event, &m->stop.timer, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_MSEC,
                                  stop_on_timer, m);

        if (r < 0)
                return r;
        sd_event_source_set_description(m->stop.timer, "stop");
        return sd_event_source_set_enabled(m->stop.timer, SD_EVENT_OFF);
}

static void stop_drain(struct master *m) {
        usec_t wait = m->options->drain_time;

        log_own("stops in %" PRIu64 " ms: load balancers are told, and what comes is served", wait / USEC_PER_MSEC);
        for (size_t i = 0; i < m->n_pools; i++)
                health_set_drained(m->pools[i]->pool, true);
        m->stop.step = STATE_STOP_DRAINS;
        notify_draining(m, wait);
        stop_after(m, wait);
}

void stop_begin(struct master *m) {
        if (master_is_stopping(m))
                return;
        wishes_forgo(m);
        if (m->state == STATE_STARTING || stop_add_timer(m) < 0)
                stop_now(m);
        else if (m->options->drain_time > 0)
                stop_drain(m);
        else
                stop_go_on(m);
}
