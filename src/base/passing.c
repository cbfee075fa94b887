/* SPDX-License-Identifier: MIT */
/* See passing.h. */

#include "base/passing.h"

#include <string.h>

#include "base/nowait.h"

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

size_t passing_take(struct msghdr *msg, int *fds, size_t max) {
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
                                nowait_close(fd);
                }
        }
        return n;
}
