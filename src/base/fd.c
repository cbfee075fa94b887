/* SPDX-License-Identifier: MIT */
/* Descriptor helpers; see fd.h. Nothing here keeps state. */

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* linux/memfd.h since 6.3; Debian 12's headers are older than the kernels it may run on */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

int fd_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                close(fd); /* EINTR still closes on Linux: close(2) */
                errno = saved;
        }
        return -1;
}

int fd_set_cloexec(int fd, bool on) {
        return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0; /* there is no other flag */
}

int fd_set_nonblock(int fd, bool on) {
        int flags = fcntl(fd, F_GETFL), want;

        if (flags < 0)
                return -errno;
        want = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
        return want != flags && fcntl(fd, F_SETFL, want) < 0 ? -errno : 0;
}

int fd_keep_nonblock(int fd) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0)
                return -errno;
        if (flags & O_NONBLOCK)
                return 0;
        return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : FD_E_BLOCKING;
}

bool fd_is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

int fd_open_standard(void) {
        int fd;

        do { /* the lowest free number, each time */
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
        } while (fd <= STDERR_FILENO && fd_set_cloexec(fd, false) == 0);
        fd_close(fd);
        return 0;
}

bool fd_is_same_file(int a, int b) {
        struct stat x, y;

        return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int fd_read_all(int fd, size_t max, char **ret, size_t *ret_n) {
        _cleanup_free_ char *buf = NULL;
        size_t n = 0, size = 0;

        for (;;) {
                ssize_t k;

                if (size - n < 2) {
                        char *p;

                        size = size ? size * 2 : 4096;
                        p = realloc(buf, size);
                        if (!p)
                                return -ENOMEM;
                        buf = p;
                }
                k = read(fd, buf + n, size - n - 1);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t)k;
                if (n > max)
                        return -EFBIG;
        }

        buf[n] = '\0';
        *ret = TAKE_PTR(buf);
        if (ret_n)
                *ret_n = n;
        return 0;
}

int fd_read_file(const char *path, size_t max, char **ret, size_t *ret_n) {
        _cleanup_fd_ int fd = -1;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        return fd_read_all(fd, max, ret, ret_n);
}

int fd_read_plain_file(const char *path, size_t max, char **ret, size_t *ret_n) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EMEDIUMTYPE;
        return fd_read_all(fd, max, ret, ret_n);
}

int fd_write_all(int fd, const void *data, size_t n) {
        const char *p = data;

        while (n > 0) {
                ssize_t k = write(fd, p, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        return -EIO; /* must not turn into an endless loop */
                p += k;
                n -= (size_t)k;
        }
        return 0;
}

int fd_new_memfd(const char *name) {
        int fd;

        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
        if (fd < 0 && errno == EINVAL)
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        return fd < 0 ? -errno : fd;
}

int fd_seal(int fd, int seals) {
        return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

int fd_new_sealed(const char *name, const void *data, size_t n) {
        _cleanup_fd_ int fd = -1;
        int r;

        fd = fd_new_memfd(name);
        if (fd < 0)
                return fd;
        r = fd_write_all(fd, data, n);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        r = fd_seal(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
        if (r < 0)
                return r;
        return TAKE_FD(fd);
}

int fd_unsent(int fd) {
        int n;

        return ioctl(fd, SIOCOUTQ, &n) < 0 ? -errno : n;
}

int fd_unread(int fd) {
        int n;

        return ioctl(fd, SIOCINQ, &n) < 0 ? -errno : n;
}

bool fd_has_drained(int fd, int *unsent) {
        int before = *unsent;

        *unsent = fd_unsent(fd);
        return *unsent >= 0 && (before < 0 || *unsent < before);
}

int fd_ring(int event_fd) {
        uint64_t one = 1;

        return write(event_fd, &one, sizeof(one)) < 0 ? -errno : 0;
}

bool fd_hear(int event_fd) {
        uint64_t rings;
        struct iovec iov = { .iov_base = &rings, .iov_len = sizeof(rings) };

        return preadv2(event_fd, &iov, 1, -1, RWF_NOWAIT) == sizeof(rings);
}

int fd_count_open(void) {
        DIR *dir = opendir("/proc/self/fd");
        int n = 0;

        if (!dir)
                return -errno;
        for (const struct dirent *entry; (entry = readdir(dir));)
                n += entry->d_name[0] != '.';
        closedir(dir);
        return n - 1; /* the look itself */
}

int fd_table_size(void) {
        static const char name[] = "\nFDSize:";
        _cleanup_fd_ int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        char text[4096], *at;
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

        if (n < 0)
                return -errno;
        text[n] = '\0';
        at = strstr(text, name);
        return at ? (int)strtol(at + sizeof(name) - 1, NULL, 10) : -ENOENT;
}
