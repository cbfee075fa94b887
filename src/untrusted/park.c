/* SPDX-License-Identifier: MIT */
/* See park.h. */

#include "untrusted/park.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/macros.h"
#include "untrusted/receive.h"

int untrusted_park_hear(int fd, int *ret_fd) {
        int fds[IPC_FDS_MAX], r;
        struct ipc_message m;

        r = untrusted_receive(fd, &m, fds);
        if (r == IPC_E_EMPTY || r == IPC_E_GONE)
                return r == IPC_E_EMPTY ? UNTRUSTED_PARK_E_EMPTY : UNTRUSTED_PARK_E_GONE;
        if (r < 0)
                return r;
        if (m.type == IPC_PARK_IDLE)
                *ret_fd = TAKE_FD(fds[0]);
        untrusted_receive_close(fds);
        if (m.type == IPC_PARK_IDLE)
                return UNTRUSTED_PARK_E_IDLE;
        return m.type == IPC_PARK_LEAVES ? 0 : -EBADMSG;
}

/* A number that the socket has; -1: it has none, or fd is none. */
static int park_ask_socket(int fd, int option) {
        int value = -1;
        socklen_t n = sizeof(value);

        return getsockopt(fd, SOL_SOCKET, option, &value, &n) < 0 ? -1 : value;
}

int untrusted_park_connection(int fd, struct addr *ret) {
        struct addr peer;

        if (park_ask_socket(fd, SO_DOMAIN) != AF_UNIX || park_ask_socket(fd, SO_TYPE) != SOCK_STREAM ||
            park_ask_socket(fd, SO_ACCEPTCONN) != 0 || addr_of_peer(fd, &peer) < 0)
                return -EBADMSG;
        return addr_of_socket(fd, ret);
}
