/* SPDX-License-Identifier: MIT */
/* See pidfile.h. Digits without a newline, as php-fpm writes them. A reload does not touch it: the master stays who it is. */

#include "master/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define PIDFILE_BYTES 32

int pidfile_write(const char *path, struct text *problems) {
        _cleanup_fd_ int fd = -1;
        char digits[PIDFILE_BYTES];
        int r;

        unlink(path); /* not written through a link that somebody put there */
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
                r = -errno;
        else
                r = fd_write_all(fd, digits, (size_t)snprintf(digits, sizeof(digits), "%d", getpid()));
        if (r == 0)
                return 0;
        text_printf(problems, "Unable to create the PID file (%s).: %s (%d)\n", path, strerror(-r), -r);
        return PIDFILE_E_PROBLEM;
}

void pidfile_remove(const char *path) {
        char digits[PIDFILE_BYTES];
        _cleanup_free_ char *data = NULL;

        snprintf(digits, sizeof(digits), "%d", getpid());
        if (file_read_all(path, PIDFILE_BYTES, &data, NULL) == 0 && text_equal(data, digits))
                unlink(path);
}
