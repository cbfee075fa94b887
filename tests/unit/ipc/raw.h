/* SPDX-License-Identifier: MIT */
#pragma once
/* Sending as a peer does that keeps to no rule. Include cmocka.h before. */

#include <sys/socket.h>
#include <sys/uio.h>

#include "base/passing.h"

#define RAW_FDS_MAX 16

static inline void raw_send(int fd, struct iovec bytes, const int *fds, size_t n_fds) {
        struct msghdr msg = { .msg_iov = &bytes, .msg_iovlen = 1 };
        PASSING_ROOM(room, RAW_FDS_MAX);

        assert_true(n_fds <= RAW_FDS_MAX);
        if (n_fds > 0)
                passing_attach(&msg, &room, fds, n_fds);
        assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), (ssize_t)bytes.iov_len);
}
