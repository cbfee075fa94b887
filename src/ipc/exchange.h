/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Control messages over a channel, for both sides. The master calls from its event loop with nonblocking descriptors:
 *
 *     listener readable   fd = accept4(..., SOCK_NONBLOCK | SOCK_CLOEXEC)
 *     fd readable         ipc_exchange_receive(fd, &m)       -EAGAIN: wait again; 0: act on m.type; else give the
 *                         client up
 *     to answer           ipc_exchange_queue_add(&q, &m)     as often as there are packets, now or much later (RELOAD)
 *                         ipc_exchange_queue_flush(&q, fd)   IPC_EXCHANGE_E_FULL: wait for room, then again
 *
 * A client (fpmctl) has a blocking descriptor and needs connect, send and receive.
 */

#include <stdint.h>

#include <sys/types.h>

#include "ipc/control.h"

/*
 * A listening, nonblocking socket at path, whose file has the mode from birth. A socket file that nobody serves any
 * more is replaced. The descriptor (close-on-exec); -EADDRINUSE (somebody serves there); -EEXIST (a file that is no
 * socket has the name); -ENAMETOOLONG; other -errno; for root -ELOOP, see base/trusted.h.
 */
int ipc_exchange_listen(const char *path, mode_t mode);

/* A blocking connection. timeout: of the wait for room in the listener's queue, which a master that does not run fills,
 * and of each packet that is sent; 0: none. The descriptor (close-on-exec); -ENOENT or -ECONNREFUSED (no master);
 * -EACCES; -EAGAIN (not in time); other -errno. */
int ipc_exchange_connect(const char *path, usec_t timeout);

/*
 * Takes one packet and decodes it. The scoreboard attached to a POOL becomes the message's; descriptors that belong to
 * nothing are closed. 0; IPC_EXCHANGE_E_CLOSED (the peer has ended); -EAGAIN; -EPROTO, -EPROTONOSUPPORT as
 * ipc_control_decode(); -EMSGSIZE (larger than IPC_CONTROL_PACKET_MAX); other -errno.
 */
enum { IPC_EXCHANGE_E_CLOSED = 1 };
int ipc_exchange_receive(int fd, struct ipc_control_message *ret);

/* Encodes and sends one message on a blocking descriptor. 0 or -errno (-EPIPE: the peer has ended). */
int ipc_exchange_send(int fd, const struct ipc_control_message *m);

/* Packets that wait for a socket to take them. {} is an empty queue. */
struct ipc_exchange_queue {
        struct ipc_exchange_packet *first, *last;
};

/* Encodes the message and puts it at the queue's end; a scoreboard's descriptor is duplicated. 0 or -errno as
 * ipc_control_encode(); the queue is unchanged then. */
int ipc_exchange_queue_add(struct ipc_exchange_queue *q, const struct ipc_control_message *m);

/* Sends until the queue is empty (0) or the socket takes no more (IPC_EXCHANGE_E_FULL). -errno: the peer is lost. */
enum { IPC_EXCHANGE_E_FULL = 1 };
int ipc_exchange_queue_flush(struct ipc_exchange_queue *q, int fd);

void ipc_exchange_queue_done(struct ipc_exchange_queue *q);
#define _cleanup_exchange_queue_ _cleanup_(ipc_exchange_queue_done)
