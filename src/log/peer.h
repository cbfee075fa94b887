/* SPDX-License-Identifier: MIT */
#pragma once
/* The other end of a connection, in words for the log. */

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "base/time.h"
#include "log/log.h"

#define PEER_TEXT_MAX 192

/* "127.0.0.1:4711", or "unix (pid 12, uid 33, gid 33)" with the credentials of unix(7)'s SO_PEERCRED: of the moment of
 * connect(2). */
const char *peer_describe(int fd, char buf[static PEER_TEXT_MAX]);

/* A warning: "connection from PEER closed: " and why. */
void peer_log_closed(int fd, enum log_event event, const char *why, ...) _printf_(3, 4);

/* The same for a request that took too long. */
void peer_log_receive_timeout(int fd, usec_t timeout);

/* And for a client that did nothing for so long: it took nothing of its reply, or sent nothing more of its request. */
void peer_log_silent(int fd, bool reply, usec_t timeout);

/* php-fpm's line about a peer that listen.allowed_clients does not name. pool: whose connection it is; NULL: the pool
 * of this process. */
void peer_log_denied(const char *pool, const char *host);

/* One that listen.peer_users does not name: a line in ten seconds at most, which says how many went before it. */
struct ucred;
void peer_log_denied_user(const char *pool, const struct ucred *peer);
