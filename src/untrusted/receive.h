/* SPDX-License-Identifier: MIT */
#pragma once
/* A message of a pool's process on its way into the master, which waits for nobody. */

#include "ipc/message.h"

/* As ipc_message_receive(). It comes back although the message has descriptors whose last close(2) waits. */
int untrusted_receive(int fd, struct ipc_message *ret, int ret_fds[static IPC_FDS_MAX]);

/* Closes what of them has not been taken, likewise. */
void untrusted_receive_close(int fds[static IPC_FDS_MAX]);
