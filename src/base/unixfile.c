/* SPDX-License-Identifier: MIT */
#include "base/unixfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/trusted.h"

static int unixfile_check_left(const struct sockaddr_un *a, int type) {
        _cleanup_fd_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 || errno == EAGAIN || errno == EPROTOTYPE)
                return -EADDRINUSE;
        return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

int unixfile_clear(const struct sockaddr_un *a, int type) {
        const char *name;
        _cleanup_fd_ int folder = trusted_open_folder(a->sun_path, &name);
        struct stat st;
        int r;

        if (folder < 0)
                return folder;
        if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;
        r = unixfile_check_left(a, type);
        if (r < 0)
                return r;
        return unlinkat(folder, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* The file's mode is the socket's, less the umask. */
int unixfile_bind(int fd, const struct sockaddr_un *a, mode_t mode) {
        mode_t mask;
        int r;

        if (fchmod(fd, mode) < 0)
                return -errno;
        mask = umask(0);
        r = bind(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 ? -errno : 0;
        umask(mask);
        return r;
}
