/* SPDX-License-Identifier: MIT */
#pragma once
/* The binaries to trace: found by the processes that run them, or named. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct trace_target {
        dev_t dev;
        ino_t ino;
        int fd;     /* O_PATH: keeps the file at hand when its process ends or an upgrade replaces it */
        char *name; /* for people */
        bool tried; /* for the caller */
};

struct trace_targets {
        struct trace_target *items;
        size_t n;
        size_t n_processes; /* of the last scan */
        size_t n_denied;    /* processes whose binary could not be seen */
};

void trace_targets_done(struct trace_targets *t);

/* Adds the binary of that path. 0 or -errno. */
int trace_targets_add(struct trace_targets *t, const char *path);

/*
 * Adds the binaries of all running fpmd-zygote processes (zygotes and workers), in whatever mount namespace, that are
 * not in the list yet. With pid: of that process and its descendants only. Counts those processes. 0 or -errno.
 */
int trace_targets_scan(struct trace_targets *t, pid_t pid);
