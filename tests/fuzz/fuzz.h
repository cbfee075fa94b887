/* SPDX-License-Identifier: MIT */
#pragma once
/* What every fuzz target exports: libFuzzer calls it, and so does replay.c. */

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The lowest descriptor that is free: what has leaked since the last time has taken it. */
static inline int fuzz_free_number(void) {
        int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

        close(fd);
        return fd;
}
