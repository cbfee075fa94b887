/* SPDX-License-Identifier: MIT */
/*
 * The kernel tells a TCP listener's queue in TCP_INFO (tcpi_unacked, tcp(7)), and a unix socket's over sock_diag(7). It
 * does not know every listener: not with a kernel without unix_diag, nor that of another network namespace.
 */

#include "pool/queue.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/unixdiag.h"

static bool queue_tcp(int fd, struct queue_state *ret) {
        struct tcp_info info = {};
        socklen_t n = sizeof(info);

        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
                return false;
        *ret = (struct queue_state){ .waiting = info.tcpi_unacked,
                                     .limit = info.tcpi_sacked }; /* of a listener: its queue now, and at most */
        return true;
}

static bool queue_unix(int fd, struct queue_state *ret) {
        struct unixdiag diag;

        if (!unixdiag_ask(fd, &diag) || !diag.listens)
                return false;
        *ret = (struct queue_state){ .waiting = diag.waiting, .limit = diag.limit };
        return true;
}

bool queue_of_listener(int fd, struct queue_state *ret) {
        return queue_tcp(fd, ret) || queue_unix(fd, ret);
}
