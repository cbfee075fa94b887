/* SPDX-License-Identifier: MIT */
/* Bytes of one connection; see stream.h. */

#include "conn/stream.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"

#define STREAM_LINGER_IDLE (2 * USEC_PER_SEC)
#define STREAM_LINGER_MAX  (30 * USEC_PER_SEC)

void stream_open(struct stream *s, int fd) {
        s->fd = fd;
        s->pos = s->n = 0;
        s->n_written = 0;
        s->time_left = USEC_INFINITY;
        s->send_limited = s->shared = false;
        s->unsent = -1;
}

void stream_close(struct stream *s) {
        if (s->shared)
                shutdown(s->fd, SHUT_RDWR);
        stream_release(s);
}

void stream_release(struct stream *s) {
        fd_close(stream_take_out(s));
}

int stream_take_out(struct stream *s) {
        s->pos = s->n = 0;
        return TAKE_FD(s->fd);
}

/* True when there are bytes, or an end, within the time. */
static bool stream_wait(int fd, usec_t timeout) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, (int)(timeout / USEC_PER_MSEC)) > 0;
}

void stream_close_lingering(struct stream *s) {
        usec_t deadline;

        if (s->fd < 0 || shutdown(s->fd, SHUT_WR) < 0) {
                stream_close(s);
                return;
        }
        deadline = time_now() + STREAM_LINGER_MAX;
        while (time_now() < deadline && stream_wait(s->fd, STREAM_LINGER_IDLE)) {
                ssize_t k = recv(s->fd, s->buf, sizeof(s->buf), MSG_DONTWAIT);

                if (k == 0 || (k < 0 && errno != EINTR && errno != EAGAIN))
                        break;
        }
        stream_close(s);
}

/* The peer has been waited for. */
static void stream_charge(struct stream *s, usec_t waited) {
        if (s->time_left != USEC_INFINITY)
                s->time_left -= MIN(s->time_left, waited);
}

/* Waits until there is something to receive, at the expense of the time that is left. 0 or -errno. */
static int stream_wait_patiently(struct stream *s) {
        usec_t begun = time_now(), until = begun + MIN(s->time_left, s->silence), now = begun;
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        int r;

        do {
                r = poll(&p, 1, time_left_msec(now, until));
                if (r < 0 && errno != EINTR)
                        return -errno;
                now = time_now();
        } while (r <= 0 && now < until);
        stream_charge(s, now - begun);
        return r > 0 ? 0 : -ETIMEDOUT;
}

/* One recv() behind the bytes there are: 0, an outcome, or -errno. */
static int stream_receive(struct stream *s, int flags) {
        ssize_t k;

        do
                k = recv(s->fd, s->buf + s->n, sizeof(s->buf) - s->n, flags);
        while (k < 0 && errno == EINTR);
        if (k < 0 && errno == EAGAIN)
                return STREAM_E_EMPTY;
        if (k == 0 || (k < 0 && (errno == ECONNRESET || errno == ETIMEDOUT))) /* tcp(7): it does not acknowledge */
                return STREAM_E_END;
        if (k < 0)
                return -errno;
        s->n += (size_t)k;
        return 0;
}

int stream_fill(struct stream *s, bool dont_wait) {
        bool limited = MIN(s->time_left, s->silence) != USEC_INFINITY;
        int r;

        s->pos = s->n = 0;
        for (;;) {
                r = stream_receive(s, dont_wait || limited ? MSG_DONTWAIT : 0);
                if (r != STREAM_E_EMPTY || dont_wait || !limited)
                        return r;
                r = stream_wait_patiently(s);
                if (r < 0)
                        return r;
        }
}

int stream_more(struct stream *s) {
        if (s->pos > 0) {
                memmove(s->buf, s->buf + s->pos, s->n - s->pos);
                s->n -= s->pos;
                s->pos = 0;
        }
        return s->n == sizeof(s->buf) ? STREAM_E_FULL : stream_receive(s, MSG_DONTWAIT);
}

void stream_put_back(struct stream *s, const void *data, size_t n) {
        size_t pending = stream_pending(s);

        assert(n <= sizeof(s->buf) - pending);
        memmove(s->buf + n, stream_data(s), pending);
        memcpy(s->buf, data, n);
        s->pos = 0;
        s->n = n + pending;
}

size_t stream_peek(struct stream *s, void *buf, size_t n) {
        ssize_t k;

        do
                k = recv(s->fd, buf, n, MSG_PEEK | MSG_DONTWAIT);
        while (k < 0 && errno == EINTR);
        return k < 0 ? 0 : (size_t)k;
}

bool stream_is_dead(const struct stream *s) {
        struct pollfd p = { .fd = s->fd };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/* The first time that the peer is slow: from now on a call that finds no room in all that time fails with EAGAIN.
 * socket(7) */
static void stream_limit_sending(struct stream *s) {
        struct timeval t = { .tv_sec = (time_t)(s->stall / USEC_PER_SEC),
                             .tv_usec = (suseconds_t)(s->stall % USEC_PER_SEC) };

        if (s->stall != USEC_INFINITY)
                (void)setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
        s->send_limited = true;
        s->unsent = fd_unsent(s->fd);
}

/* errno of a send(2) that has failed for good. */
static int stream_send_error(void) {
        return errno == ETIMEDOUT ? -EPIPE : -errno; /* tcp(7): it does not acknowledge */
}

/* One sendmsg(), which sends something. How much, or -errno as stream_write(). */
static ssize_t stream_send(struct stream *s, const struct msghdr *msg) {
        usec_t since = 0;

        for (;;) {
                ssize_t k = sendmsg(s->fd, msg, MSG_NOSIGNAL | (s->send_limited ? 0 : MSG_DONTWAIT));

                if (k >= 0) {
                        s->unsent = -1;
                        return k;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return stream_send_error();
                if (errno == EAGAIN && !s->send_limited)
                        stream_limit_sending(s);
                else if (errno == EAGAIN || (since > 0 && time_now() - since >= s->stall)) {
                        if (!fd_has_drained(s->fd, &s->unsent))
                                return -ETIMEDOUT;
                } else if (since > 0)
                        continue; /* signals do not lengthen its time */
                since = time_now();
        }
}

/* k bytes of it have been sent. */
static void stream_advance(struct stream *s, struct iovec **iov, size_t *n_iov, size_t k) {
        s->n_written += k;
        for (; *n_iov > 0 && k >= (*iov)->iov_len; (*iov)++, (*n_iov)--)
                k -= (*iov)->iov_len;
        if (*n_iov > 0) {
                (*iov)->iov_base = (char *)(*iov)->iov_base + k;
                (*iov)->iov_len -= k;
        }
}

int stream_write(struct stream *s, struct iovec *iov, size_t n_iov) {
        while (n_iov > 0) {
                ssize_t k = stream_send(s, &(struct msghdr){ .msg_iov = iov, .msg_iovlen = n_iov });

                if (k < 0)
                        return (int)k;
                stream_advance(s, &iov, &n_iov, (size_t)k);
        }
        return 0;
}

int stream_write_some(struct stream *s, struct iovec **iov, size_t *n_iov) {
        while (*n_iov > 0) {
                ssize_t k = sendmsg(s->fd, &(struct msghdr){ .msg_iov = *iov, .msg_iovlen = *n_iov },
                                    MSG_DONTWAIT | MSG_NOSIGNAL);

                if (k >= 0) {
                        s->unsent = -1;
                        stream_advance(s, iov, n_iov, (size_t)k);
                } else if (errno == EAGAIN)
                        return STREAM_E_FULL;
                else if (errno != EINTR)
                        return stream_send_error();
        }
        return 0;
}

int stream_wait_for_room(struct stream *s, bool *ret_readable) {
        struct pollfd p = { .fd = s->fd, .events = POLLIN | POLLOUT };
        usec_t begun = time_now(), since = begun;
        int r;

        s->unsent = fd_unsent(s->fd);
        for (;;) {
                usec_t now = time_now();

                r = poll(&p, 1, s->stall == USEC_INFINITY ? -1 : time_left_msec(now, since + s->stall));
                if (r > 0)
                        break;
                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r < 0)
                        continue;
                if (!fd_has_drained(s->fd, &s->unsent))
                        return -ETIMEDOUT;
                since = time_now();
        }
        *ret_readable = p.revents & POLLIN;
        if (*ret_readable)
                stream_charge(s, time_now() - begun);
        return *ret_readable && s->time_left == 0 ? -ETIMEDOUT : 0;
}

ssize_t stream_write_now(struct stream *s, const void *data, size_t n, bool last) {
        int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (last ? MSG_MORE : 0);
        ssize_t k;

        do
                k = send(s->fd, data, n, flags);
        while (k < 0 && errno == EINTR);
        if (k < 0)
                return errno == EAGAIN ? 0 : stream_send_error();
        s->n_written += (uint64_t)k;
        return k;
}
