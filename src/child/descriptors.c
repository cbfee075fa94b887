/* SPDX-License-Identifier: MIT */
#include "child/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/nowait.h"
#include "ipc/inherit.h"

static int descriptors_compare(const void *a, const void *b) {
        return *(const int *)a - *(const int *)b;
}

static int descriptors_close_others(const int *fds, int n, int program) {
        _cleanup_nowait_ struct nowait nowait = {}; /* other pools' descriptors are among them */
        int *kept = calloc((size_t)n + 1, sizeof(int)), next = INHERIT_FIRST;

        if (!kept)
                return -ENOMEM;
        memcpy(kept, fds, sizeof(int) * (size_t)n);
        kept[n] = program;
        qsort(kept, (size_t)n + 1, sizeof(int), descriptors_compare);
        (void)nowait_begin(&nowait);
        for (int i = 0; i <= n; i++) {
                if (kept[i] > next)
                        syscall(SYS_close_range, next, kept[i] - 1, 0U);
                next = MAX(next, kept[i] + 1);
        }
        syscall(SYS_close_range, next, ~0U, 0U);
        free(kept);
        return 0;
}

static int descriptors_move_up(int *fd, int least) {
        int moved = fcntl(*fd, F_DUPFD_CLOEXEC, least);

        if (moved < 0)
                return errno == EINVAL ? -EMFILE : -errno; /* the limit is below least */
        *fd = moved;
        return 0;
}

int descriptors_arrange(int *fds, int n, int *program) {
        int r = descriptors_close_others(fds, n, program ? *program : -1);

        if (r < 0 && program)
                r = 0; /* exec closes them too, only later */
        if (r == 0 && program)
                r = descriptors_move_up(program, INHERIT_FIRST + n);
        for (int i = 0; i < n && r == 0; i++)
                if (fds[i] >= 0)
                        r = descriptors_move_up(&fds[i], INHERIT_FIRST + n);
        if (r < 0)
                return r;
        for (int i = 0; i < n; i++) {
                if (fds[i] < 0)
                        close(INHERIT_FIRST + i);
                else if (dup2(fds[i], INHERIT_FIRST + i) < 0)
                        return -errno;
        }
        /* what is above is close-on-exec already, unless a library forgot; without an exec, it is what has been moved
         */
        syscall(SYS_close_range, INHERIT_FIRST + n, ~0U, program ? 4U /* CLOSE_RANGE_CLOEXEC */ : 0U);
        return 0;
}
