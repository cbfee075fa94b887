/* SPDX-License-Identifier: MIT */
/* See pidfile.h. Digits without a newline, as php-fpm writes them. A reload does not touch one that is there: the
 * master stays who it is. */

#include "master/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/trusted.h"
#include "log/log.h"

#define PIDFILE_BYTES 32

/* The file is a new one: not written through a link, nor into what somebody has put there. */
static int pidfile_make(const char *path, const char *digits) {
        const char *name;
        _cleanup_fd_ int folder = trusted_open_folder(path, &name), fd = -1;

        if (folder < 0)
                return folder;
        unlinkat(folder, name, 0);
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        return fd < 0 ? -errno : fd_write_all(fd, digits, strlen(digits));
}

int pidfile_write(const char *path, struct text *problems) {
        char digits[PIDFILE_BYTES];
        int r;

        snprintf(digits, sizeof(digits), "%d", getpid());
        r = pidfile_make(path, digits);
        if (r == 0)
                return 0;
        text_printf(problems, "Unable to create the PID file (%s).: %s (%d)\n", path, strerror(-r), -r);
        return PIDFILE_E_PROBLEM;
}

void pidfile_restore(const char *path) {
        _cleanup_text_ struct text problems = {};
        const char *name;
        _cleanup_fd_ int folder = trusted_open_folder(path, &name);
        struct stat st;

        if (folder >= 0 && (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT))
                return;
        if (pidfile_write(path, &problems) != 0)
                log_error("%.*s", (int)strcspn(text_peek(&problems), "\n"), text_peek(&problems));
}

void pidfile_remove(const char *path) {
        const char *name;
        _cleanup_fd_ int folder = trusted_open_folder(path, &name), fd = -1;
        _cleanup_free_ char *data = NULL;
        char digits[PIDFILE_BYTES];
        struct stat st;

        if (folder < 0)
                return;
        fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW); /* a FIFO would be waited for */
        snprintf(digits, sizeof(digits), "%d", getpid());
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fd_read_all(fd, PIDFILE_BYTES, &data, NULL) == 0 &&
            text_equal(data, digits))
                unlinkat(folder, name, 0);
}
