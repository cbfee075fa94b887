/* SPDX-License-Identifier: MIT */
/* Who receives a message owns its descriptors, those too that it did not expect: alignment leaves room for more than
 * was asked for. */

#include "base/passing.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#include "base/fd.h"

void passing_attach(struct msghdr *msg, void *room, const int *fds, size_t n) {
        struct cmsghdr *c = room;

        msg->msg_control = room;
        msg->msg_controllen = CMSG_SPACE(sizeof(int) * n);
        memset(room, 0, msg->msg_controllen);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
}

/* The first max descriptors go into fds, any more are closed. How many there were. */
static size_t passing_take(struct msghdr *msg, int *fds, size_t max) {
        size_t n = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
                size_t n_here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n_here; i++, n++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
                        if (n < max)
                                fds[n] = fd;
                        else
                                fd_close(fd);
                }
        }
        return n;
}

/* Nobody is left who could send. A message of no bytes looks the same to recvmsg(2). */
static bool passing_is_at_end(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP));
}

static int passing_lose(int *fds, size_t max, int r) {
        for (size_t i = 0; i < max; i++)
                fds[i] = fd_close(fds[i]);
        return r;
}

int passing_receive(int fd, struct msghdr *msg, int flags, int *fds, size_t max, struct passing *ret) {
        size_t n_fds;
        ssize_t n;

        for (size_t i = 0; i < max; i++)
                fds[i] = -1;
        do
                n = recvmsg(fd, msg, flags | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? PASSING_E_EMPTY : errno == ECONNRESET ? PASSING_E_END : -errno;
        n_fds = passing_take(msg, fds, max);
        if (n_fds > max || (msg->msg_flags & MSG_TRUNC))
                return passing_lose(fds, max, -EMSGSIZE);
        if (msg->msg_flags & MSG_CTRUNC) /* recvmsg(2) says no more than that descriptors are missing */
                return passing_lose(fds, max, n_fds < max ? -EMFILE : -EMSGSIZE);
        if (n == 0 && n_fds == 0 && passing_is_at_end(fd))
                return PASSING_E_END;
        *ret = (struct passing){ .n = (size_t)n, .n_fds = n_fds };
        return 0;
}
