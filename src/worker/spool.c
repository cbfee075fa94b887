/* SPDX-License-Identifier: MIT */
/* See spool.h. A file is read and written by offset, so a copy that PHP has forked does not move the position of the
 * worker's. */

#include "worker/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

void spool_init(struct spool *s) {
        *s = (struct spool){ .fd = -1 };
}

void spool_clear(struct spool *s) {
        fd_close(s->fd);
        free(s->data);
        spool_init(s);
}

/* A file that no name leads to; where the file system cannot make such a one (open(2), O_TMPFILE), it has had a name.
 */
static int spool_new_file(const char *folder) {
        char path[PATH_MAX];
        int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
                return fd >= 0 ? fd : -errno;
        if (snprintf(path, sizeof(path), "%s/fpmd-body-XXXXXX", folder) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        unlink(path);
        return fd;
}

static int spool_write(int fd, const uint8_t *data, size_t n, uint64_t at) {
        while (n > 0) {
                ssize_t k = pwrite(fd, data, n, (off_t)at);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : -ENOSPC;
                data += k;
                n -= (size_t)k;
                at += (uint64_t)k;
        }
        return 0;
}

static int spool_move_to_file(struct spool *s, const char *folder) {
        _cleanup_fd_ int fd = spool_new_file(folder);
        int r;

        if (fd < 0)
                return fd;
        r = spool_write(fd, s->data, (size_t)s->n, 0);
        if (r < 0)
                return r;
        free(s->data);
        s->data = NULL;
        s->size = 0;
        s->fd = TAKE_FD(fd);
        return 0;
}

static int spool_add_to_memory(struct spool *s, const void *data, size_t n) {
        size_t size = MAX(s->size, (size_t)BUFSIZ);
        uint8_t *grown;

        while (size < s->n + n)
                size *= 2;
        grown = size > s->size ? realloc(s->data, size) : s->data;
        if (!grown)
                return -ENOMEM;
        s->data = grown;
        s->size = size;
        memcpy(s->data + s->n, data, n);
        return 0;
}

int spool_add(struct spool *s, const void *data, size_t n, const char *folder) {
        int r = 0;

        if (n == 0)
                return 0;
        if (s->fd < 0 && s->n + n > SPOOL_MEMORY_MAX)
                r = spool_move_to_file(s, folder);
        if (r == 0)
                r = s->fd < 0 ? spool_add_to_memory(s, data, n) : spool_write(s->fd, data, n, s->n);
        if (r == 0)
                s->n += n;
        return r;
}

ssize_t spool_take(struct spool *s, void *buf, size_t n) {
        ssize_t k;

        n = (size_t)MIN((uint64_t)n, spool_pending(s));
        if (n == 0)
                return 0;
        if (s->fd < 0) {
                memcpy(buf, s->data + s->pos, n);
                k = (ssize_t)n;
        } else
                do
                        k = pread(s->fd, buf, n, (off_t)s->pos);
                while (k < 0 && errno == EINTR);
        if (k < 0)
                return -errno;
        s->pos += (uint64_t)k;
        return k;
}
