/* SPDX-License-Identifier: MIT */
/* What PHP prints on stderr for a moment, where it has no other way to say why it has not done something. */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "sapi/internal.h"

#include "base/fd.h"

#define ASIDE_BYTES_MAX ((size_t)64 << 10)

bool sapi_aside_begin(struct sapi_aside *a) {
        _cleanup_fd_ int said = fd_new_memfd("php-said"), saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

        fflush(stderr);
        if (said < 0 || saved < 0 || dup2(said, STDERR_FILENO) < 0)
                return false;
        a->said = TAKE_FD(said);
        a->saved = TAKE_FD(saved);
        return true;
}

char *sapi_aside_end(struct sapi_aside *a) {
        char *all = NULL;

        fflush(stderr);
        (void)dup2(a->saved, STDERR_FILENO);
        if (lseek(a->said, 0, SEEK_SET) < 0 || fd_read_all(a->said, ASIDE_BYTES_MAX, &all, NULL) < 0)
                all = NULL;
        a->said = fd_close(a->said);
        a->saved = fd_close(a->saved);
        return all;
}
