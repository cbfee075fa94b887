/* SPDX-License-Identifier: MIT */
/* See channel.h, unix(7). The receiver of a message owns its descriptors, those too that it did not expect: alignment
 * leaves room for more than it asked for. */

#include "ipc/channel.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/nowait.h"
#include "base/passing.h"

int channel_pair(int ret[static 2]) {
        return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

static int channel_flags(const struct channel_message *m) {
        return m->waits ? 0 : MSG_DONTWAIT;
}

int channel_send(int fd, const struct channel_message *m) {
        struct msghdr msg = { .msg_iov = m->iov, .msg_iovlen = m->n_iov };
        PASSING_ROOM(room, CHANNEL_FDS_MAX);
        ssize_t n;

        assert(m->n_fds <= CHANNEL_FDS_MAX);
        if (m->n_fds > 0)
                passing_attach(&msg, &room, m->fds, m->n_fds);
        do
                n = sendmsg(fd, &msg, MSG_NOSIGNAL | channel_flags(m));
        while (n < 0 && errno == EINTR);
        if (n >= 0)
                return 0;
        return errno == EAGAIN ? CHANNEL_E_FULL : -errno;
}

/* No sender is left. A message of no bytes looks the same to recvmsg(2). */
static bool channel_is_at_end(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP));
}

static int channel_lose(const struct channel_message *m, int r) {
        for (size_t i = 0; i < m->n_fds; i++)
                m->fds[i] = nowait_close(m->fds[i]);
        return r;
}

int channel_receive(int fd, const struct channel_message *m, struct channel_received *ret) {
        PASSING_ROOM(room, CHANNEL_FDS_MAX);
        struct msghdr msg = {
                .msg_iov = m->iov,
                .msg_iovlen = m->n_iov,
                .msg_control = &room,
                .msg_controllen = CMSG_SPACE(sizeof(int) * m->n_fds),
        };
        size_t n_fds;
        ssize_t n;

        assert(m->n_fds <= CHANNEL_FDS_MAX);
        for (size_t i = 0; i < m->n_fds; i++)
                m->fds[i] = -1;
        do
                n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | channel_flags(m));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? CHANNEL_E_EMPTY : errno == ECONNRESET ? CHANNEL_E_END : -errno;
        n_fds = passing_take(&msg, m->fds, m->n_fds);
        if (n_fds > m->n_fds || (msg.msg_flags & MSG_TRUNC))
                return channel_lose(m, -EMSGSIZE);
        if (msg.msg_flags & MSG_CTRUNC) /* recvmsg(2) says no more than that descriptors are missing */
                return channel_lose(m, n_fds < m->n_fds ? -EMFILE : -EMSGSIZE);
        if (n == 0 && n_fds == 0 && channel_is_at_end(fd))
                return CHANNEL_E_END;
        *ret = (struct channel_received){ .n = (size_t)n, .n_fds = n_fds };
        return 0;
}
