/* SPDX-License-Identifier: MIT */
#include "zygote/expendable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

/* A fifth of the memory that there is. */
#define EXPENDABLE_MORE 200
#define EXPENDABLE_MOST 1000

static int expendable_fd = -1, expendable_own;

static int expendable_open(void) {
        return open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
}

/* Without an exec the process is not dumpable any more, and only root's file is root's: so it is, for this moment. */
static int expendable_open_own(void) {
        int dumpable = prctl(PR_GET_DUMPABLE), fd;

        if (prctl(PR_SET_DUMPABLE, 1) < 0)
                return -errno;
        fd = expendable_open();
        if (prctl(PR_SET_DUMPABLE, MAX(dumpable, 0)) < 0)
                _exit(EXIT_FAILURE);
        return fd;
}

void expendable_prepare(void) {
        char text[16] = "";

        expendable_fd = expendable_open();
        if (expendable_fd < 0 && errno == EACCES)
                expendable_fd = expendable_open_own();
        if (expendable_fd >= 0 && read(expendable_fd, text, sizeof(text) - 1) > 0)
                expendable_own = atoi(text);
}

/* What cannot be written stays as it is: no request is worth less for that. */
static void expendable_set(int score) {
        char text[16];
        int n = snprintf(text, sizeof(text), "%d", score);

        if (expendable_fd >= 0 && pwrite(expendable_fd, text, (size_t)n, 0) < 0)
                expendable_fd = fd_close(expendable_fd);
}

void expendable_begin(void) {
        expendable_set(MIN(expendable_own + EXPENDABLE_MORE, EXPENDABLE_MOST));
}

void expendable_end(void) {
        expendable_set(expendable_own);
}

void expendable_after_fork(void) {
        expendable_fd = fd_close(expendable_fd);
}
