/* SPDX-License-Identifier: MIT */
/* See keeping.h. A request that comes while its connection is on its way stays in the socket, for the next park. */

#include "park/keeping.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "ipc/message.h"
#include "log/log.h"
#include "park/connection.h"

void keeping_allow(struct park *park, unsigned n) {
        park->keep.n_max = park->keep.n_left = n;
}

static bool keeping_is_unix(int fd) {
        int domain = -1;
        socklen_t n = sizeof(domain);

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX;
}

/* Nothing is known of it here that the next park would have to know. */
static bool keeping_is_plain(const struct connection *c) {
        return c->n_in == 0 && c->n_out == 0 && c->skip == 0 && keeping_is_unix(c->fd);
}

/* Level-triggered: only while something is to be sent. */
static void keeping_wait(struct park *park, bool waits) {
        struct epoll_event event = { .events = EPOLLIN | (waits ? EPOLLOUT : 0U), .data.ptr = &park->orders };

        if (park->keep.waits != waits && park->orders >= 0)
                (void)epoll_ctl(park->epoll_fd, EPOLL_CTL_MOD, park->orders, &event);
        park->keep.waits = waits;
}

void keeping_go_on(struct park *park) {
        const struct ipc_message m = { .type = IPC_PARK_IDLE };
        struct connection *c;

        while ((c = park->lists[CONNECTION_LEAVING].first)) {
                int r = ipc_message_send_at_once(park->orders, &m, &c->fd);

                if (r == -EAGAIN) {
                        keeping_wait(park, true);
                        return;
                }
                if (r < 0) {
                        park->keep.n_left = 0;
                        park->keep.error = r;
                        park->keep.n_closed++;
                        connection_close(park, c);
                } else
                        connection_release(park, c);
        }
        keeping_wait(park, false);
}

void keeping_part(struct park *park, struct connection *c) {
        bool plain = park->keep.n_max > 0 && keeping_is_plain(c);

        if (!plain || park->keep.n_left == 0) {
                park->keep.n_closed += plain;
                connection_close(park, c);
                return;
        }
        park->keep.n_left--;
        connection_watch(park, c, 0);
        connection_enter(park, c, CONNECTION_LEAVING);
        keeping_go_on(park);
}

void keeping_part_all(struct park *park, enum connection_state state) {
        while (park->lists[state].last)
                keeping_part(park, park->lists[state].last);
}

void keeping_tell(const struct park *park) {
        if (park->keep.error < 0)
                log_notice("%u idle connections are closed, as the master cannot be given them: %s",
                           park->keep.n_closed, strerror(-park->keep.error));
        else if (park->keep.n_closed > 0)
                log_notice("%u idle connections are closed: the fd store has room for %u of this pool's",
                           park->keep.n_closed, park->keep.n_max);
}
