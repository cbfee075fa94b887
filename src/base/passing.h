/* SPDX-License-Identifier: MIT */
#pragma once
/* Descriptors attached to messages of unix sockets: SCM_RIGHTS, unix(7). */

#include <stddef.h>
#include <sys/socket.h>

/* A variable with room for n descriptors beside a message; msg_control of one that is to be received. */
#define PASSING_ROOM(name, n)                                                                                          \
        union {                                                                                                        \
                struct cmsghdr header;                                                                                 \
                char space[CMSG_SPACE(sizeof(int) * (n))];                                                             \
        } name

/* Attaches n > 0 descriptors to a message that is to be sent; they stay the caller's. room is of that size, and has to
 * live as long. */
void passing_attach(struct msghdr *msg, void *room, const int *fds, size_t n);

/* A message with what came along: the caller closes the descriptors, those too that it has no use for. */
struct passing {
        size_t n;     /* bytes */
        size_t n_fds; /* descriptors; the places behind them are -1 */
};

/*
 * Receives one message into msg's iov, and at most max descriptors, close-on-exec. flags: MSG_DONTWAIT, or 0. 0;
 * PASSING_E_EMPTY (nothing waits); PASSING_E_END (the other side is closed; a message without bytes is none of that);
 * -EMSGSIZE (more bytes or descriptors than there is room for) and -EMFILE (this process can have no more descriptors):
 * the message is lost, and nothing of it is open; other -errno.
 */
enum { PASSING_E_EMPTY = 1, PASSING_E_END = 2 };
int passing_receive(int fd, struct msghdr *msg, int flags, int *fds, size_t max, struct passing *ret);
