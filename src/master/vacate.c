/* SPDX-License-Identifier: MIT */
/*
 * An address that a reload gives up. New workers do not listen there, and old ones are told to leave, so what waits in its queues would be reset. The master takes those
 * connections, reads nothing of them, and gives them to the pool's park as ones that have just come: from there they find workers. Then the sockets are shut, as old
 * workers that are busy keep copies of them, at which others would wait in vain.
 */

#include "master/vacate.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "conn/allow.h"
#include "log/log.h"

/* From one queue at most: new ones may come to a TCP address as fast as they are taken. */
#define VACATE_MAX 16384

/* How many could not be handed over. */
static unsigned vacate_queue(int listener, const struct allow *allow, struct pool *p) {
        unsigned n_lost = 0;

        for (unsigned n = 0; n < VACATE_MAX; n++) {
                _cleanup_fd_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

                if (fd >= 0)
                        n_lost += allow_admits(allow, fd, p->name) && parks_give(&p->parks, fd) != 0;
                else if (errno != EINTR && errno != ECONNABORTED)
                        break;
        }
        return n_lost;
}

static void vacate_tell(const struct listen_set *s, const struct pool *p, unsigned n_lost) {
        if (n_lost > 0)
                log_warning("[pool %s] %u connections that waited at '%s' are lost: the park takes no more", p->name,
                            n_lost, s->listen);
}

void vacate_queues(struct listen_set *s, const struct allow *allow, struct pool *p) {
        unsigned n_lost = 0;

        listen_unlink(s);
        for (size_t i = 0; i < s->n; i++)
                n_lost += vacate_queue(s->fds[i], allow, p);
        vacate_tell(s, p, n_lost);
}

void vacate_shut(const struct listen_set *s, const struct allow *allow, struct pool *p) {
        unsigned n_lost = 0;

        for (size_t i = 0; i < s->n; i++) {
                n_lost += vacate_queue(s->fds[i], allow, p);
                shutdown(s->fds[i], SHUT_RDWR); /* resets what comes after the last look */
        }
        vacate_tell(s, p, n_lost);
}
