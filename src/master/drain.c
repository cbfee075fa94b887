/* SPDX-License-Identifier: MIT */
/*
 * An address that a reload gives up. New workers do not listen there, and old ones are told to leave, so what waits in
 * its queues would be reset. The master takes those connections, reads nothing of them, and gives them to the pool's
 * park as ones that have just come: from there they find workers. Then the sockets are shut, as old workers that are
 * busy keep copies of them, at which others would wait in vain.
 */

#include "master/drain.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "conf/conf.h"
#include "conn/allow.h"
#include "log/log.h"

/* From one queue at most: new ones may come to a TCP address as fast as they are taken. */
#define DRAIN_MAX 16384

struct drain_count {
        unsigned n_lost;    /* connections that could not be handed over */
        unsigned n_meddled; /* listeners that somebody has made to block */
        int error;          /* why what waits could not be taken; 0: it could */
};

/* Without waiting, which is for close(2) as well: a worker may have set SO_LINGER, which new connections have from
 * their listener. */
static void drain_queue(int listener, const struct allow *allow, struct pool *p, struct drain_count *c) {
        bool meddled = fd_keep_nonblock(listener) == FD_E_BLOCKING;

        for (unsigned n = 0; n < DRAIN_MAX; n++) {
                _cleanup_fd_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

                if (fd >= 0) {
                        c->n_lost += allow_admits(allow, fd, p->name) && parks_give(p, fd) != 0;
                        continue;
                }
                if (errno == EINTR) /* it blocks again, so nothing waits there */
                        meddled = true;
                if (errno == ECONNABORTED)
                        continue;
                if (errno != EAGAIN && errno != EINTR)
                        c->error = errno;
                break;
        }
        c->n_meddled += meddled;
}

/* Takes what waits in each queue, and (shut) closes it to what comes after that. */
static void drain_all(const struct listen_set *s, const struct allow *allow, struct pool *p, bool shut) {
        struct drain_count c = {};
        struct nowait nowait;
        int r = nowait_begin(&nowait);

        for (size_t i = 0; i < s->n; i++) {
                if (r == 0)
                        drain_queue(s->fds[i], allow, p, &c);
                if (shut)
                        shutdown(s->fds[i], SHUT_RDWR);
        }
        nowait_end(&nowait);
        if (r < 0 || c.error > 0)
                log_error("[pool %s] what waits at '%s' is lost: %s", p->name, s->listen,
                          strerror(r < 0 ? -r : c.error));
        if (c.n_meddled > 0)
                log_warning("[pool %s] a process of the pool has cleared O_NONBLOCK of the listener '%s', which others "
                            "share",
                            p->name, s->listen);
        if (c.n_lost > 0)
                log_warning("[pool %s] %u connections that waited at '%s' are lost: the park takes no more", p->name,
                            c.n_lost, s->listen);
}

void drain_allowed(const struct pool *p, struct allow *ret) {
        const struct conf_pool *conf = (p->current ?: p->wanted ?: p->starting)->conf;
        const struct allow_lists lists = { .clients = conf->listen_allowed_clients, .uids = conf_pool_peers(conf) };
        int r = allow_parse(&lists, ret, NULL);

        if (r < 0) {
                log_error("[pool %s] cannot tell who may connect, so nobody may: %s", p->name, strerror(-r));
                ret->restricts = ret->restricts_users = true;
        }
        ret->n_denied = &p->scoreboard->header.denied[SCOREBOARD_DENIED_peers];
}

void drain_begin(struct listen_set *s, const struct allow *allow, struct pool *p) {
        listen_set_unlink(s);
        drain_all(s, allow, p, false);
}

void drain_finish(const struct listen_set *s, const struct allow *allow, struct pool *p) {
        drain_all(s, allow, p, true);
}

void drain_for_stop(struct listen_set *s, struct pool *p) {
        _cleanup_allow_ struct allow allow = {};

        if (s->inherited || !picture_settings(p) || (s->stored && pool_accepts(p)))
                return;
        drain_allowed(p, &allow);
        if (s->stored) { /* what comes after this waits for the next start */
                drain_all(s, &allow, p, false);
                pool_leave_listeners(p);
                return;
        }
        drain_begin(s, &allow, p);
        pool_leave_listeners(p);
        drain_finish(s, &allow, p);
}
