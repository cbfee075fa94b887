/* SPDX-License-Identifier: MIT */
/* See park.h. */

#include "untrusted/park.h"

#include <errno.h>

#include "untrusted/receive.h"

int untrusted_park_hear(int fd) {
        int fds[IPC_FDS_MAX], r;
        struct ipc_message m;

        r = untrusted_receive(fd, &m, fds);
        if (r == IPC_E_EMPTY || r == IPC_E_GONE)
                return r == IPC_E_EMPTY ? UNTRUSTED_PARK_E_EMPTY : UNTRUSTED_PARK_E_GONE;
        if (r < 0)
                return r;
        untrusted_receive_close(fds);
        return m.type == IPC_PARK_LEAVES ? 0 : -EBADMSG;
}
