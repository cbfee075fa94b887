/* SPDX-License-Identifier: MIT */
/* A connection's peer for the log; see peer.h. Asked only when there is something to tell, never per request. */

#include "conn/peer.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/addr.h"

const char *peer_describe(int fd, char buf[static PEER_TEXT_MAX]) {
        char text[ADDR_TEXT_MAX];
        struct addr peer;

        if (addr_of_peer(fd, &peer) < 0) {
                snprintf(buf, PEER_TEXT_MAX, "a peer that is gone");
                return buf;
        }
        addr_format(&peer, text);
        if (peer.sa.sa_family == AF_UNIX) {
                struct ucred cred;
                socklen_t n = sizeof(cred);

                if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0) {
                        snprintf(buf, PEER_TEXT_MAX, "%s (pid %d, uid %u, gid %u)", text, cred.pid, cred.uid, cred.gid);
                        return buf;
                }
        }
        snprintf(buf, PEER_TEXT_MAX, "%s", text);
        return buf;
}
