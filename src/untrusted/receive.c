/* SPDX-License-Identifier: MIT */
/* recvmsg(2) itself closes descriptors for which there is no room, and those of a message that is refused are closed
 * right after it. */

#include "untrusted/receive.h"

#include "base/nowait.h"

int untrusted_receive(int fd, struct ipc_message *ret, int ret_fds[static IPC_FDS_MAX]) {
        _cleanup_nowait_ struct nowait nowait;

        (void)nowait_begin(&nowait); /* if that is impossible, it may wait */
        *ret = (struct ipc_message){};
        return ipc_message_receive(fd, ret, ret_fds);
}

void untrusted_receive_close(int fds[static IPC_FDS_MAX]) {
        for (int i = 0; i < IPC_FDS_MAX; i++)
                fds[i] = nowait_close(fds[i]);
}
