/* SPDX-License-Identifier: MIT */
/* A connection's peer for the log; see peer.h. Asked only when there is something to tell, never per request. */

#include "log/peer.h"

#include <stdarg.h>
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

void peer_log_closed(int fd, enum log_event event, const char *why, ...) {
        char text[PEER_TEXT_MAX], reason[256], message[PEER_TEXT_MAX + sizeof(reason) + 32];
        va_list ap;

        peer_describe(fd, text);
        va_start(ap, why);
        vsnprintf(reason, sizeof(reason), why, ap);
        va_end(ap);
        snprintf(message, sizeof(message), "connection from %s closed: %s", text, reason);
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING, .event = event, .message = message, .peer = text });
}

void peer_log_receive_timeout(int fd, usec_t timeout) {
        peer_log_closed(fd, LOG_EVENT_RECEIVE_TIMEOUT,
                        "its request did not come within request_receive_timeout (%.3f sec)",
                        (double)timeout / (double)USEC_PER_SEC);
}

void peer_log_silent(int fd, bool reply, usec_t timeout) {
        peer_log_closed(fd, LOG_EVENT_RECEIVE_TIMEOUT, "%s (%.3f sec)",
                        reply ? "it took nothing of its reply for park.idle_timeout"
                              : "nothing more of its request came for park.rest_timeout",
                        (double)timeout / (double)USEC_PER_SEC);
}

void peer_log_denied(const char *pool, const char *host) {
        char message[ADDR_TEXT_MAX + 64];

        snprintf(message, sizeof(message), "Connection disallowed: IP address '%s' has been dropped.", host);
        log_say(&(struct log_entry){ .level = LOG_LEVEL_ERROR, .pool = pool, .message = message });
}

/* Between two lines of this process: anybody who can write to the socket's file can cause them. */
#define PEER_DENIED_PAUSE (10 * USEC_PER_SEC)

void peer_log_denied_user(const char *pool, const struct ucred *peer) {
        static unsigned long long n_silenced;
        static usec_t told;
        usec_t now = time_now();
        char message[192];
        int n;

        if (told > 0 && now - told < PEER_DENIED_PAUSE) {
                n_silenced++;
                return;
        }
        if (peer->uid == (uid_t)-1)
                n = snprintf(message, sizeof(message), "connection closed: its peer has no user (listen.peer_users)");
        else
                n = snprintf(message, sizeof(message),
                             "connection from pid %d closed: listen.peer_users does not name its user, uid %u, gid %u",
                             peer->pid, peer->uid, peer->gid);
        snprintf(message + n, sizeof(message) - (size_t)n, " (%llu more since the last such line)", n_silenced);
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING, .pool = pool, .message = message });
        told = now;
        n_silenced = 0;
}
