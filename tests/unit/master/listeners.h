/* SPDX-License-Identifier: MIT */
#pragma once
/* Sockets for tests of what the master does with them. Include cmocka.h before. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

/* A TCP socket on a free port of 127.0.0.1, whose address goes into text as "127.0.0.1:PORT". */
static inline int listeners_tcp(bool listens, char text[static 32]) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof(in);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
        if (listens)
                assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
        snprintf(text, 32, "127.0.0.1:%u", ntohs(in.sin_port));
        return fd;
}

/* An address of 127.0.0.1 that nobody has. */
static inline void listeners_free_address(char text[static 32]) {
        fd_close(listeners_tcp(false, text));
}

static inline int listeners_unix(const char *path, bool listens) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        assert_true(fd >= 0 && strlen(path) < sizeof(un.sun_path));
        strcpy(un.sun_path, path);
        assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
        if (listens)
                assert_int_equal(listen(fd, 8), 0);
        return fd;
}

/* True when somebody serves at the path. */
static inline bool listeners_serve(const char *path) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        strcpy(un.sun_path, path);
        return connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0;
}
