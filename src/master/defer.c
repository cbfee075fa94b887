/* SPDX-License-Identifier: MIT */
/*
 * See defer.h. An event loop (nginx, HAProxy, Envoy) connects without waiting and sends when it hears that the
 * connection stands. A worker that has it by then finds nothing to read, and its request takes the way through another
 * wait, or the park: twice the time on a CPU. With TCP_DEFER_ACCEPT the kernel takes note of the handshake's end and
 * makes the connection when bytes come.
 *
 * What tcp(7) does not say, tried on Linux 6.18: the client's connect(2) returns as ever, so a check of the port sees
 * it open. A client that closes, or shuts down its sending side, is handed over at once; one that resets never. The
 * time is counted in SYN-ACKs, which would be sent again after 1, 3, 7, 15 s and so on, and rounded up to one of these.
 * At its end the SYN-ACK is sent once more, the client's kernel answers that, and the connection comes as without the
 * option. Up to then it is an entry in the table of half-open connections (tens of bytes, no descriptor, no place in
 * the accept queue); where as many are there as the backlog is long, others are made by SYN cookies, and not deferred.
 */

#include "master/defer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "log/log.h"

/* In whole seconds, as the kernel has it; -errno, also for what is no TCP socket. */
static int defer_read(int fd) {
        int seconds = 0;
        socklen_t n = sizeof(seconds);

        return getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, &n) < 0 ? -errno : seconds;
}

static int defer_write(int fd, int seconds) {
        return setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)) < 0 ? -errno : 0;
}

static bool defer_is_tcp(const struct listen_set *s) {
        struct addr a;

        return addr_of_socket(s->fds[0], &a) == 0 && a.sa.sa_family != AF_UNIX;
}

/* What the set is to have. Its unit is asked once, before anything is set here. */
static int defer_wanted(struct listen_set *s, const struct conf_pool *pool) {
        if (s->inherited && !s->unit_asked) {
                s->unit_defer = defer_read(s->fds[0]);
                s->unit_asked = true;
        }
        if (s->unit_defer > 0 && !pool->given[CONF_POOL_listen_defer_accept].file)
                return s->unit_defer;
        return (int)((pool->listen_defer_accept + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

void defer_apply(struct listen_set *s, const struct conf_pool *pool) {
        int seconds, r = 0;

        if (!defer_is_tcp(s))
                return;
        seconds = defer_wanted(s, pool);
        for (size_t i = 0; i < s->n && r == 0; i++)
                r = defer_write(s->fds[i], seconds);
        if (r < 0)
                log_warning("[pool %s] connections come without waiting for their first bytes: %s", s->pool,
                            strerror(-r));
}

void defer_restore(const struct listen_set *s) {
        for (size_t i = 0; s && s->unit_asked && i < s->n; i++)
                (void)defer_write(s->fds[i], MAX(s->unit_defer, 0));
}

/* No reload waits longer for clients that have nothing to say. */
#define DEFER_END_MAX (5 * USEC_PER_SEC)

void defer_resume(struct listen_set *s) {
        for (size_t i = 0; i < s->n && s->defer_before > 0; i++)
                (void)defer_write(s->fds[i], s->defer_before);
        s->defer_before = 0;
}

usec_t defer_end(struct listen_set *s) {
        int seconds = defer_is_tcp(s) ? defer_read(s->fds[0]) : 0;

        if (seconds <= 0)
                return 0;
        s->defer_before = seconds;
        for (size_t i = 0; i < s->n; i++)
                (void)defer_write(s->fds[i], 0);
        /* The next SYN-ACK brings each. Of 1, 3, 7, 15 the last pause is the longest; the kernel's timers are late. */
        return MIN((usec_t)(seconds + 1) / 2 * USEC_PER_SEC * 11 / 10, DEFER_END_MAX);
}
