/* SPDX-License-Identifier: MIT */
/*
 * Names of descriptors are not opened: that fails where the descriptor is a socket, or belongs to another user, and
 * makes a second open file description of a file. What this program has opened itself is close-on-exec from birth,
 * and none of it can be named.
 */

#include "log/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "base/text.h"
#include "base/trusted.h"

#define LOG_FILE_MODE 0600

/* -ENOENT: it names none. */
static int log_file_number(const char *path) {
        static const char *const names[] = { "/dev/stdin", "/dev/stdout", "/dev/stderr" };
        static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };
        uint64_t number;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (text_equal(path, names[i]))
                        return (int)i;
        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (text_has_prefix(path, folders[i]) &&
                    number_parse_u64(path + strlen(folders[i]), INT_MAX, &number) == 0)
                        return (int)number;
        return -ENOENT;
}

int log_file_descriptor(const char *path) {
        int fd = log_file_number(path), flags;

        if (fd < 0)
                return fd;
        flags = fcntl(fd, F_GETFD);
        if (flags < 0 || (fd > STDERR_FILENO && (flags & FD_CLOEXEC)) || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
                return -EBADF;
        return fd;
}

int log_file_open(const char *path) {
        int fd = log_file_descriptor(path);

        if (fd == -ENOENT) /* O_NONBLOCK: a FIFO without reader is an error, not a wait */
                return trusted_open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK, LOG_FILE_MODE);
        if (fd < 0)
                return fd;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return fd < 0 ? -errno : fd;
}
