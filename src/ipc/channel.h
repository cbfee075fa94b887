/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One message over an AF_UNIX SOCK_SEQPACKET socket: its bytes, and descriptors beside them. The socket keeps the
 * borders of messages and their order, so a message is sent whole and received whole, or not at all. All messages
 * between fpmd's processes go this way: master and zygote, logger or park (ipc/message.h), master and fpmctl
 * (ipc/exchange.h), workers and park (conn/handover.h). Those files say what the bytes mean, and check the peer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#define CHANNEL_FDS_MAX 4

/* A connected pair, close-on-exec. Its calls do not wait, unless they are told to. 0 or -errno. */
int channel_pair(int ret[static 2]);

/*
 * A message: to be sent, or the room for one that is received. Unless `waits`, no call waits, whatever the descriptor's
 * flags are: another process that has the socket may have changed them. With it the descriptor's flags decide.
 */
struct channel_message {
        struct iovec *iov;
        size_t n_iov;
        int *fds;     /* to send: they stay the caller's. Received: the caller's to close, places without one are -1 */
        size_t n_fds; /* how many, or the room for them; at most CHANNEL_FDS_MAX */
        bool waits;
};

/* 0; CHANNEL_E_FULL (it would have to wait for room in the socket); -EPIPE or -ECONNRESET (the other side is closed);
 * -ETOOMANYREFS, -ENOBUFS, -ENOMEM (it would have to wait for the kernel); -EMSGSIZE (the socket takes no message of
 * that length); other -errno. */
enum { CHANNEL_E_FULL = 1 };
int channel_send(int fd, const struct channel_message *m);

struct channel_received {
        size_t n;     /* bytes: a message may have none */
        size_t n_fds; /* descriptors */
};

/*
 * 0; CHANNEL_E_EMPTY (nothing waits); CHANNEL_E_END (the other side is closed, and all that it has sent is received);
 * -EMSGSIZE (a message of more bytes or more descriptors than there is room for) and -EMFILE (this process can have no
 * more descriptors): the message is lost, and nothing of it is open; other -errno.
 */
enum { CHANNEL_E_EMPTY = 1, CHANNEL_E_END = 2 };
int channel_receive(int fd, const struct channel_message *m, struct channel_received *ret);
