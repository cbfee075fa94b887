/* SPDX-License-Identifier: MIT */
/* systemd empties the folder before each run, so what is made is new, or somebody else's. */

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static int output_open_folder(int folder_fd, const char *folder) {
        int fd;

        if (mkdirat(folder_fd, folder, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(folder_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int output_write(int folder_fd, const char *unit, const struct text *text) {
        _cleanup_fd_ int dir_fd = -1, fd = -1;
        char folder[256];

        if (snprintf(folder, sizeof(folder), "%s.d", unit) >= (int)sizeof(folder))
                return -ENAMETOOLONG;
        dir_fd = output_open_folder(folder_fd, folder);
        if (dir_fd < 0)
                return dir_fd;
        fd = openat(dir_fd, "50-pool.conf", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        return fd_write_all(fd, text_peek(text), text->n);
}

int output_hide(int folder_fd, const char *dependencies, const char *unit) {
        _cleanup_fd_ int dir_fd = output_open_folder(folder_fd, dependencies);

        if (dir_fd < 0)
                return dir_fd;
        return symlinkat("/dev/null", dir_fd, unit) < 0 ? -errno : 0;
}
