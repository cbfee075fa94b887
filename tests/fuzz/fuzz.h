/* SPDX-License-Identifier: MIT */
#pragma once
/* What every fuzz target exports: libFuzzer calls it, and so does replay.c. */

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define FUZZ_NUMBERS 256

/* Descriptors that are open: what a target leaves behind is seen by their number. */
static inline int fuzz_count_open(void) {
        struct pollfd fds[FUZZ_NUMBERS];
        int n = 0;

        for (int i = 0; i < FUZZ_NUMBERS; i++)
                fds[i] = (struct pollfd){ .fd = i };
        (void)poll(fds, FUZZ_NUMBERS, 0);
        for (int i = 0; i < FUZZ_NUMBERS; i++)
                n += !(fds[i].revents & POLLNVAL);
        return n;
}
