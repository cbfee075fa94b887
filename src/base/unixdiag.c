/* SPDX-License-Identifier: MIT */
/*
 * The kernel finds the socket by its inode, and answers at once: the reply is in the netlink socket when send(2)
 * returns.
 */

#include "base/unixdiag.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/process.h"

static bool unixdiag_send(int netlink, uint32_t inode) {
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
                          .udiag_show = UDIAG_SHOW_RQLEN | UDIAG_SHOW_VFS,
                          .udiag_cookie = { UINT32_MAX, UINT32_MAX } }, /* any */
        };

        return send(netlink, &request, sizeof(request), MSG_DONTWAIT) == (ssize_t)sizeof(request);
}

static void unixdiag_take(const struct nlattr *a, const char *data, struct unixdiag *ret) {
        struct unix_diag_rqlen length;
        struct unix_diag_vfs file;

        if (a->nla_type == UNIX_DIAG_RQLEN && a->nla_len >= NLA_HDRLEN + sizeof(length)) {
                memcpy(&length, data, sizeof(length));
                ret->listens = true;
                ret->waiting = length.udiag_rqueue;
                ret->limit = length.udiag_wqueue;
        }
        if (a->nla_type == UNIX_DIAG_VFS && a->nla_len >= NLA_HDRLEN + sizeof(file)) {
                memcpy(&file, data, sizeof(file));
                ret->has_file = true;
                ret->inode = file.udiag_vfs_ino;
        }
}

static bool unixdiag_read(const char *buf, size_t n, uint32_t inode, struct unixdiag *ret) {
        const size_t attributes = NLMSG_SPACE(sizeof(struct unix_diag_msg));
        struct unix_diag_msg msg;
        struct nlmsghdr header;

        *ret = (struct unixdiag){};
        if (n < attributes)
                return false;
        memcpy(&header, buf, sizeof(header));
        memcpy(&msg, buf + NLMSG_HDRLEN, sizeof(msg));
        if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len > n || msg.udiag_ino != inode)
                return false;
        for (size_t pos = attributes; pos + sizeof(struct nlattr) <= header.nlmsg_len;) {
                struct nlattr a;

                memcpy(&a, buf + pos, sizeof(a));
                if (a.nla_len < sizeof(a) || a.nla_len > header.nlmsg_len - pos)
                        return false;
                unixdiag_take(&a, buf + pos + NLA_HDRLEN, ret);
                pos += NLA_ALIGN(a.nla_len);
        }
        return true;
}

bool unixdiag_ask_inode(uint32_t inode, struct unixdiag *ret) {
        _cleanup_fd_ int netlink = -1;
        char buf[512];
        ssize_t n;

        netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
        if (netlink < 0 || !unixdiag_send(netlink, inode))
                return false;
        n = recv(netlink, buf, sizeof(buf), MSG_DONTWAIT);
        return n > 0 && unixdiag_read(buf, (size_t)n, inode, ret);
}

bool unixdiag_ask(int fd, struct unixdiag *ret) {
        struct stat st;

        return fstat(fd, &st) == 0 && unixdiag_ask_inode((uint32_t)st.st_ino, ret);
}

bool unixdiag_is_surely_file(int fd, int file) {
        struct unixdiag diag;
        uint64_t inode;

        return unixdiag_ask(fd, &diag) && diag.has_file && process_inode_of_fd(file, &inode) == 0 &&
               diag.inode == (uint32_t)inode;
}

bool unixdiag_is_file(int fd, int file) {
        struct unixdiag diag;
        uint64_t inode;

        return !unixdiag_ask(fd, &diag) || !diag.has_file || process_inode_of_fd(file, &inode) < 0 ||
               diag.inode == (uint32_t)inode;
}
