/* SPDX-License-Identifier: MIT */
/*
 * Moving control packets over a channel. A status answer has one packet per pool, more than a socket's buffer may take,
 * and the master must not wait for a client that reads slowly: hence the queue.
 */

#include "ipc/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/unixfile.h"
#include "ipc/channel.h"

#define IPC_EXCHANGE_BACKLOG 16

struct ipc_exchange_packet {
        struct ipc_exchange_packet *next;
        uint8_t *data;
        size_t n;
        int fd;
};

static void ipc_exchange_packet_free(struct ipc_exchange_packet *p) {
        if (!p)
                return;
        fd_close(p->fd);
        free(p->data);
        free(p);
}
DEFINE_CLEANUP(struct ipc_exchange_packet *, ipc_exchange_packet_free)

static int ipc_exchange_address(const char *path, struct sockaddr_un *ret) {
        struct sockaddr_un sun = { .sun_family = AF_UNIX };
        size_t n = strlen(path);

        if (n >= sizeof(sun.sun_path))
                return -ENAMETOOLONG;
        memcpy(sun.sun_path, path, n + 1);
        *ret = sun;
        return 0;
}

/* A socket for that path, and the address it has. */
static int ipc_exchange_socket(const char *path, int flags, struct sockaddr_un *ret) {
        int fd, r;

        r = ipc_exchange_address(path, ret);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
        return fd < 0 ? -errno : fd;
}

int ipc_exchange_connect(const char *path, usec_t timeout) {
        struct timeval tv = { .tv_sec = (time_t)(timeout / USEC_PER_SEC),
                              .tv_usec = (suseconds_t)(timeout % USEC_PER_SEC) };
        struct sockaddr_un sun;
        _cleanup_fd_ int fd = ipc_exchange_socket(path, 0, &sun);

        if (fd < 0)
                return fd;
        if (timeout > 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int ipc_exchange_listen(const char *path, mode_t mode) {
        struct sockaddr_un sun;
        _cleanup_fd_ int fd = ipc_exchange_socket(path, SOCK_NONBLOCK, &sun);
        int r;

        if (fd < 0)
                return fd;
        r = unixfile_clear(&sun, SOCK_SEQPACKET);
        if (r == 0)
                r = unixfile_bind(fd, &sun, mode);
        if (r == 0 && listen(fd, IPC_EXCHANGE_BACKLOG) < 0)
                r = -errno;
        return r < 0 ? r : TAKE_FD(fd);
}

/* The first of the descriptors that came with a packet; the rest is closed. */
static int ipc_exchange_first(int *fds, size_t n) {
        for (size_t i = 1; i < n; i++)
                nowait_close(fds[i]);
        return fds[0];
}

int ipc_exchange_receive(int fd, struct ipc_control_message *ret) {
        _cleanup_free_ uint8_t *data = malloc(IPC_CONTROL_PACKET_MAX);
        struct iovec iov = { .iov_base = data, .iov_len = IPC_CONTROL_PACKET_MAX };
        int fds[CHANNEL_FDS_MAX], r; /* more than any message carries */
        _cleanup_fd_ int attached = -1;
        struct channel_received got;

        if (!data)
                return -ENOMEM;
        r = channel_receive(fd,
                            &(struct channel_message){
                                    .iov = &iov, .n_iov = 1, .fds = fds, .n_fds = CHANNEL_FDS_MAX, .waits = true },
                            &got);
        if (r != 0)
                return r == CHANNEL_E_EMPTY ? -EAGAIN : r == CHANNEL_E_END ? IPC_EXCHANGE_E_CLOSED : r;
        attached = ipc_exchange_first(fds, CHANNEL_FDS_MAX);
        r = ipc_control_decode(data, got.n, ret);
        if (r < 0)
                return r;
        if (ret->type == IPC_CONTROL_POOL)
                ret->pool.scoreboard_fd = TAKE_FD(attached);
        return 0;
}

/* 0; CHANNEL_E_FULL, on a nonblocking socket; -errno. */
static int ipc_exchange_send_packet(int fd, const uint8_t *data, size_t n, int attached) {
        struct iovec iov = { .iov_base = (void *)data, .iov_len = n };

        return channel_send(
                fd, &(struct channel_message){
                            .iov = &iov, .n_iov = 1, .fds = &attached, .n_fds = attached >= 0 ? 1 : 0, .waits = true });
}

static int ipc_exchange_attached(const struct ipc_control_message *m) {
        return m->type == IPC_CONTROL_POOL ? m->pool.scoreboard_fd : -1;
}

int ipc_exchange_send(int fd, const struct ipc_control_message *m) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t n;
        int r;

        r = ipc_control_encode(m, &data, &n);
        if (r < 0)
                return r;
        r = ipc_exchange_send_packet(fd, data, n, ipc_exchange_attached(m));
        return r == CHANNEL_E_FULL ? -EAGAIN : r;
}

int ipc_exchange_queue_add(struct ipc_exchange_queue *q, const struct ipc_control_message *m) {
        _cleanup_(ipc_exchange_packet_freep) struct ipc_exchange_packet *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->fd = -1;
        r = ipc_control_encode(m, &p->data, &p->n);
        if (r < 0)
                return r;
        if (ipc_exchange_attached(m) >= 0) {
                p->fd = fcntl(ipc_exchange_attached(m), F_DUPFD_CLOEXEC, 3);
                if (p->fd < 0)
                        return -errno;
        }

        if (q->last)
                q->last->next = p;
        else
                q->first = p;
        q->last = TAKE_PTR(p);
        return 0;
}

static void ipc_exchange_drop_first(struct ipc_exchange_queue *q) {
        struct ipc_exchange_packet *p = q->first;

        q->first = p->next;
        if (!q->first)
                q->last = NULL;
        ipc_exchange_packet_free(p);
}

int ipc_exchange_queue_flush(struct ipc_exchange_queue *q, int fd) {
        while (q->first) {
                int r = ipc_exchange_send_packet(fd, q->first->data, q->first->n, q->first->fd);

                if (r == CHANNEL_E_FULL)
                        return IPC_EXCHANGE_E_FULL;
                if (r < 0)
                        return r;
                ipc_exchange_drop_first(q);
        }
        return 0;
}

void ipc_exchange_queue_done(struct ipc_exchange_queue *q) {
        while (q->first)
                ipc_exchange_drop_first(q);
}
