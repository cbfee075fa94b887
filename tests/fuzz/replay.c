/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over the files of the folders given, without libFuzzer: so every input that once was of interest
 * stays a test, under any compiler. A folder without files is a failure, since nothing would have been tested.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "fuzz.h"

#define INPUT_MAX (1024U * 1024U)

static inline void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

/* The target gets a copy of exactly n bytes, so that a sanitizer sees a read behind them. */
static int run(const char *data, size_t n) {
        _cleanup_free_ uint8_t *copy = malloc(MAX(n, (size_t)1));

        if (!copy)
                return -ENOMEM;
        memcpy(copy, data, n);
        LLVMFuzzerTestOneInput(copy, n);
        return 0;
}

static int replay_file(int dir_fd, const char *name) {
        _cleanup_free_ char *data = NULL;
        _cleanup_fd_ int fd = -1;
        size_t n;
        int r;

        fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = fd_read_all(fd, INPUT_MAX, &data, &n);
        if (r < 0)
                return r;
        return run(data, n);
}

/* The number of files replayed, or -errno. */
static int replay_folder(const char *path) {
        _cleanup_(closedirp) DIR *dir = opendir(path);
        struct dirent *entry;
        int n = 0, r;

        if (!dir)
                return -errno;
        while ((entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                r = replay_file(dirfd(dir), entry->d_name);
                if (r < 0)
                        return r;
                n++;
        }
        return n;
}

int main(int argc, char *argv[]) {
        int r = 0;

        for (int i = 1; i < argc; i++) {
                r = replay_folder(argv[i]);
                if (r <= 0) {
                        fprintf(stderr, "%s: %s\n", argv[i], r < 0 ? strerror(-r) : "no files");
                        return EXIT_FAILURE;
                }
                printf("%s: %d inputs\n", argv[i], r);
        }
        return argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
