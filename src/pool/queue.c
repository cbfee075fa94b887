/* SPDX-License-Identifier: MIT */
/*
 * The kernel tells a TCP listener's queue in TCP_INFO (tcpi_unacked, tcp(7)), and a unix socket's over sock_diag(7), by
 * inode. That answers at once: the reply is in the socket when send(2) returns. It does not know every listener: not
 * with a kernel without unix_diag, nor that of another network namespace.
 */

#include "pool/queue.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"

static bool queue_tcp(int fd, struct queue_state *ret) {
        struct tcp_info info = {};
        socklen_t n = sizeof(info);

        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
                return false;
        *ret = (struct queue_state){ .waiting = info.tcpi_unacked,
                                     .limit = info.tcpi_sacked }; /* of a listener: its queue now, and at most */
        return true;
}

static bool queue_ask(int netlink, uint32_t inode) {
        struct {
                struct nlmsghdr header;
                struct unix_diag_req diag;
        } request = {
                .header = { .nlmsg_len = sizeof(request),
                            .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                            .nlmsg_flags = NLM_F_REQUEST },
                .diag = { .sdiag_family = AF_UNIX,
                          .udiag_states = UINT32_MAX,
                          .udiag_ino = inode,
                          .udiag_show = UDIAG_SHOW_RQLEN,
                          .udiag_cookie = { UINT32_MAX, UINT32_MAX } }, /* any */
        };

        return send(netlink, &request, sizeof(request), MSG_DONTWAIT) == (ssize_t)sizeof(request);
}

static bool queue_read_answer(const char *buf, size_t n, uint32_t inode, struct queue_state *ret) {
        const size_t attributes = NLMSG_SPACE(sizeof(struct unix_diag_msg));
        struct unix_diag_msg msg;
        struct nlmsghdr header;

        if (n < attributes)
                return false;
        memcpy(&header, buf, sizeof(header));
        memcpy(&msg, buf + NLMSG_HDRLEN, sizeof(msg));
        if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len > n || msg.udiag_ino != inode)
                return false;
        for (size_t pos = attributes; pos + sizeof(struct nlattr) <= header.nlmsg_len;) {
                struct unix_diag_rqlen length;
                struct nlattr a;

                memcpy(&a, buf + pos, sizeof(a));
                if (a.nla_len < sizeof(a) || a.nla_len > header.nlmsg_len - pos)
                        return false;
                if (a.nla_type == UNIX_DIAG_RQLEN && a.nla_len >= NLA_HDRLEN + sizeof(length)) {
                        memcpy(&length, buf + pos + NLA_HDRLEN, sizeof(length));
                        *ret = (struct queue_state){ .waiting = length.udiag_rqueue, .limit = length.udiag_wqueue };
                        return true;
                }
                pos += NLA_ALIGN(a.nla_len);
        }
        return false;
}

static bool queue_unix(int fd, struct queue_state *ret) {
        _cleanup_fd_ int netlink = -1;
        char buf[512];
        struct stat st;
        ssize_t n;

        if (fstat(fd, &st) < 0)
                return false;
        netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
        if (netlink < 0 || !queue_ask(netlink, (uint32_t)st.st_ino))
                return false;
        n = recv(netlink, buf, sizeof(buf), MSG_DONTWAIT);
        return n > 0 && queue_read_answer(buf, (size_t)n, (uint32_t)st.st_ino, ret);
}

bool queue_of_listener(int fd, struct queue_state *ret) {
        return queue_tcp(fd, ret) || queue_unix(fd, ret);
}
