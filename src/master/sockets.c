/* SPDX-License-Identifier: MIT */
/* See sockets.h. */

#include "master/sockets.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/fd.h"

/* In a TCP header, at which a socket's filter begins. */
#define SOCKETS_TCP_FLAGS 13
#define SOCKETS_TCP_SYN   0x02U
#define SOCKETS_TCP_ACK   0x10U

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

/* Connections inherit it, and never get such a packet. */
int sockets_refuse(int fd) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SOCKETS_TCP_FLAGS),
                BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SOCKETS_TCP_SYN | SOCKETS_TCP_ACK),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCKETS_TCP_SYN, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, 0),
                BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        };
        struct sock_fprog program = { .len = ELEMENTSOF(code), .filter = code };
        struct addr a;
        int r = addr_of_socket(fd, &a);

        if (r < 0 || a.sa.sa_family == AF_UNIX)
                return r;
        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}
