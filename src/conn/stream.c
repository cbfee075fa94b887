/* SPDX-License-Identifier: MIT */
/* Bytes of one connection; see stream.h. */

#include "conn/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"

#define STREAM_LINGER_BYTES (1024U * 1024U)
#define STREAM_LINGER_USEC (2 * USEC_PER_SEC)

void stream_open(struct stream *s, int fd) {
        s->fd = fd;
        s->pos = s->n = 0;
        s->n_written = 0;
}

void stream_close(struct stream *s) {
        s->fd = fd_close(s->fd);
        s->pos = s->n = 0;
}

/* Waits for bytes until the deadline. True when there are some, or an end. */
static bool stream_wait(int fd, usec_t deadline) {
        usec_t now = time_now();
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return now < deadline && poll(&p, 1, (int)((deadline - now) / USEC_PER_MSEC) + 1) > 0;
}

void stream_close_lingering(struct stream *s) {
        usec_t deadline = time_now() + STREAM_LINGER_USEC;
        size_t n = 0;

        if (s->fd < 0 || shutdown(s->fd, SHUT_WR) < 0) {
                stream_close(s);
                return;
        }
        while (n < STREAM_LINGER_BYTES && stream_wait(s->fd, deadline)) {
                ssize_t k = recv(s->fd, s->buf, sizeof(s->buf), MSG_DONTWAIT);

                if (k == 0 || (k < 0 && errno != EINTR && errno != EAGAIN))
                        break;
                n += k > 0 ? (size_t)k : 0;
        }
        stream_close(s);
}

int stream_fill(struct stream *s, bool dont_wait) {
        ssize_t k;

        s->pos = s->n = 0;
        do
                k = recv(s->fd, s->buf, sizeof(s->buf), dont_wait ? MSG_DONTWAIT : 0);
        while (k < 0 && errno == EINTR);
        if (k < 0 && errno == EAGAIN)
                return STREAM_E_EMPTY;
        if (k == 0 || (k < 0 && errno == ECONNRESET))
                return STREAM_E_END;
        if (k < 0)
                return -errno;
        s->n = (size_t)k;
        return 0;
}

int stream_write(struct stream *s, struct iovec *iov, size_t n_iov) {
        while (n_iov > 0) {
                struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n_iov };
                ssize_t k = sendmsg(s->fd, &msg, MSG_NOSIGNAL);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                s->n_written += (uint64_t)k;
                for (; n_iov > 0 && (size_t)k >= iov->iov_len; iov++, n_iov--)
                        k -= (ssize_t)iov->iov_len;
                if (n_iov > 0) {
                        iov->iov_base = (char *)iov->iov_base + k;
                        iov->iov_len -= (size_t)k;
                }
        }
        return 0;
}
