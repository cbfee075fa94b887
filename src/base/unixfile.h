/* SPDX-License-Identifier: MIT */
#pragma once
/* The file of a unix socket. */

#include <sys/socket.h>
#include <sys/un.h>

/*
 * Makes room for a socket of a type (SOCK_...) at an address with a path: removes the file of one whose process is
 * gone. No link is followed that another user could have put there (trusted.h). 0: nothing has the name; -EADDRINUSE: a
 * socket that is served, or of another type, so that it cannot be asked; -EEXIST: what is no socket; other -errno.
 */
int unixfile_clear(const struct sockaddr_un *a, int type);

/* bind(2), which makes the file with a mode from birth, whatever the umask is: there is no moment with a wider one.
 * 0 or -errno. */
int unixfile_bind(int fd, const struct sockaddr_un *a, mode_t mode);
