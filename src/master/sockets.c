/* SPDX-License-Identifier: MIT */
/* See sockets.h. */

#include "master/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/fd.h"

int sockets_check(int fd, struct addr *ret) {
        int type = 0, listens = 0;
        socklen_t n = sizeof(type);

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) < 0)
                return -errno;
        return type == SOCK_STREAM && listens ? addr_of_socket(fd, ret) : -EINVAL;
}

int sockets_prepare(int fd) {
        struct addr a;
        int one = 1, r;

        r = fd_set_cloexec(fd, true);
        if (r == 0)
                r = fd_set_nonblock(fd, true);
        if (r == 0)
                r = addr_of_socket(fd, &a);
        if (r == 0 && a.sa.sa_family != AF_UNIX && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
                r = -errno;
        return r;
}
