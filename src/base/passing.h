/* SPDX-License-Identifier: MIT */
#pragma once
/* Descriptors attached to messages of unix sockets: SCM_RIGHTS, unix(7). ipc/channel.h sends and receives such. */

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

/* Takes the descriptors out of a received message: the first max go into fds, any more are closed. How many there were.
 */
size_t passing_take(struct msghdr *msg, int *fds, size_t max);
