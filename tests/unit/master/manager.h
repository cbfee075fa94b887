/* SPDX-License-Identifier: MIT */
#pragma once
/* A service manager's end of NOTIFY_SOCKET, for this process alone. Include cmocka.h before. */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The caller's descriptor, at which what this process tells from now on arrives. */
static inline int manager_open(void) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        char name[64];

        snprintf(name, sizeof(name), "@fpmd-notify-%d", getpid());
        strcpy(un.sun_path + 1, name + 1);
        assert_int_equal(
                bind(fd, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                0);
        assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
        return fd;
}
