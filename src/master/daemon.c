/* SPDX-License-Identifier: MIT */
/*
 * The parent waits at the read end of a pipe. A byte in it means that workers accept; its end without one means that
 * the child has failed, for whatever reason, and has told it on the stderr that both still share.
 */

#include "master/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/fd.h"
#include "master/exit.h"

_noreturn_ static void daemon_wait(int fd) {
        ssize_t n;
        char byte;

        do
                n = read(fd, &byte, 1);
        while (n < 0 && errno == EINTR);
        _exit(n == 1 ? EXIT_SUCCESS : EXIT_SOFTWARE);
}

int daemon_begin(int *ret_fd) {
        _cleanup_fd_ int null = -1, up = -1;
        int fds[2];
        pid_t pid;

        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        up = fds[1];
        pid = fork();
        if (pid > 0) {
                up = fd_close(up); /* the child's alone, else its end would not be seen */
                daemon_wait(fds[0]);
        }
        close(fds[0]);
        if (pid < 0 || setsid() < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
                return -errno;
        *ret_fd = TAKE_FD(up);
        return 0;
}

int daemon_leave_stderr(int fd) {
        _cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0 || dup2(fd < 0 ? null : fd, STDERR_FILENO) < 0)
                return -errno;
        return 0;
}

int daemon_up(int fd) {
        if (fd >= 0)
                (void)fd_write_all(fd, "", 1);
        return fd_close(fd);
}
