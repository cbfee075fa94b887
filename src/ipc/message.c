/* SPDX-License-Identifier: MIT */
/*
 * Fixed-size messages over SEQPACKET, see message.h. The socket keeps message boundaries and order, so there is no
 * framing, no buffer and no partial state: a message is received whole or not at all.
 */

#include "ipc/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/passing.h"
#include "base/time.h"

/* How long descriptors may be refused since others of the same user have too many on their way (unix(7), ETOOMANYREFS),
 * and how often that is looked at (ms). Nothing tells when it is over. */
#define MESSAGE_REFS_TIME  (3 * USEC_PER_SEC)
#define MESSAGE_REFS_PAUSE 10

static const struct {
        const char *name;
        size_t n_fds;
} ipc_rows[_IPC_TYPE_MAX] = { [IPC_NONE] = { "none", 0 },
#define X(symbol, fds) [IPC_##symbol] = { #symbol, fds },
                              IPC_MESSAGES(X)
#undef X
};

const char *ipc_type_name(uint32_t type) {
        return type < _IPC_TYPE_MAX ? ipc_rows[type].name : "unknown";
}

int ipc_pair(int ret[static 2]) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret) < 0)
                return -errno;
        return 0;
}

int ipc_send_at_once(int fd, const struct ipc_message *m, const int *fds) {
        struct iovec iov = { .iov_base = (void *)m, .iov_len = sizeof(*m) };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        size_t n_fds = ipc_rows[m->type].n_fds;
        PASSING_ROOM(room, IPC_FDS_MAX);

        ssize_t k;

        if (n_fds > 0)
                passing_attach(&msg, &room, fds, n_fds);
        do
                k = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (k < 0 && errno == EINTR);
        return k < 0 ? -errno : 0;
}

int ipc_send(int fd, const struct ipc_message *m, const int *fds) {
        usec_t end = time_now() + MESSAGE_REFS_TIME;

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLOUT };
                int r = ipc_send_at_once(fd, m, fds);

                if (r == -ETOOMANYREFS && time_now() < end)
                        (void)poll(NULL, 0, MESSAGE_REFS_PAUSE);
                else if (r != -EAGAIN)
                        return r;
                else if (poll(&p, 1, 1000) == 0)
                        return -ETIMEDOUT;
        }
}

void ipc_close_fds(int fds[static IPC_FDS_MAX]) {
        for (int i = 0; i < IPC_FDS_MAX; i++)
                fds[i] = fd_close(fds[i]);
}

int ipc_receive(int fd, struct ipc_message *ret, int ret_fds[static IPC_FDS_MAX]) {
        PASSING_ROOM(room, IPC_FDS_MAX);
        struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
        struct msghdr msg = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &room,
                .msg_controllen = sizeof(room),
        };
        struct passing got;
        int r;

        r = passing_receive(fd, &msg, MSG_DONTWAIT, ret_fds, IPC_FDS_MAX, &got);
        if (r == PASSING_E_EMPTY)
                return IPC_E_EMPTY;
        if (r == PASSING_E_END)
                return IPC_E_GONE;
        if (r < 0)
                return r == -EMSGSIZE ? -EBADMSG : r;
        if (got.n != sizeof(*ret) || ret->type == IPC_NONE || ret->type >= _IPC_TYPE_MAX ||
            got.n_fds != ipc_rows[ret->type].n_fds) {
                ipc_close_fds(ret_fds);
                return -EBADMSG;
        }
        ret->text[IPC_TEXT_MAX - 1] = '\0';
        for (char *p = ret->text; *p; p++)
                if ((unsigned char)*p < 0x20)
                        *p = ' '; /* it goes into status lines, where a newline would begin another field */
        return 0;
}
