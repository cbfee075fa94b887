/* SPDX-License-Identifier: MIT */
#include "zygote/expendable.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

/* A fifth of the memory that there is. */
#define EXPENDABLE_MORE 200
#define EXPENDABLE_MOST 1000

static int expendable_fd = -1, expendable_own;

void expendable_prepare(void) {
        char text[16] = "";

        expendable_fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
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
