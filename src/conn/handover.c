/* SPDX-License-Identifier: MIT */
/* Messages of the park; see park.h. The sockets are shared by many processes, so none may change them: every call says
 * by itself that it does not wait. */

#include "conn/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fd.h"
#include "base/macros.h"
#include "ipc/channel.h"

#define HANDOVER_VERSION 2U

/* Room for connections on their way: some thousand with little attached. The kernel may allow less. */
#define HANDOVER_SEND_BUFFER (4 * 1024 * 1024)

int handover_pair(int ret[static 2]) {
        int size = HANDOVER_SEND_BUFFER, r;

        r = channel_pair(ret);
        if (r < 0)
                return r;
        if (setsockopt(ret[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
                (void)setsockopt(ret[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        return 0;
}

int handover_send(int fd, const struct handover *note, const struct handover_content *content) {
        struct handover n = *note;
        struct iovec iov[3] = {
                { .iov_base = &n, .iov_len = sizeof(n) },
                { .iov_base = (void *)content->out, .iov_len = n.n_out },
                { .iov_base = (void *)content->in, .iov_len = n.n_in },
        };
        int connection, r;

        if (fd < 0)
                return -EPIPE;
        n.version = HANDOVER_VERSION;
        connection = content->connection;
        r = channel_send(
                fd, &(struct channel_message){ .iov = iov, .n_iov = ELEMENTSOF(iov), .fds = &connection, .n_fds = 1 });
        return r == CHANNEL_E_FULL ? HANDOVER_E_FULL : r;
}

static bool handover_makes_sense(const struct handover *n, size_t n_bytes) {
        return n->version == HANDOVER_VERSION && n->n_out <= HANDOVER_BYTES_MAX && n->n_in <= HANDOVER_BYTES_MAX &&
               (size_t)n->n_out + n->n_in == n_bytes;
}

int handover_receive(int fd, struct handover *ret, uint8_t *buf, size_t size, int *ret_fd) {
        struct iovec iov[2] = { { .iov_base = ret, .iov_len = sizeof(*ret) }, { .iov_base = buf, .iov_len = size } };
        _cleanup_fd_ int connection = -1;
        struct channel_received got;
        int r;

        r = channel_receive(
                fd, &(struct channel_message){ .iov = iov, .n_iov = ELEMENTSOF(iov), .fds = &connection, .n_fds = 1 },
                &got);
        if (r == CHANNEL_E_EMPTY)
                return HANDOVER_E_EMPTY;
        if (r == CHANNEL_E_END)
                return HANDOVER_E_END;
        if (r < 0)
                return r == -EMSGSIZE ? -EBADMSG : r;
        if (connection < 0 || got.n < sizeof(*ret) || !handover_makes_sense(ret, got.n - sizeof(*ret)))
                return -EBADMSG;
        *ret_fd = TAKE_FD(connection);
        return 0;
}
