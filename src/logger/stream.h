/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One stream of a worker's output: from a pipe to entries, line by line in php-fpm's words, or bare
 * (decorate_workers_output = no). The worker sends a NUL at the end of each request, so that a line without an end
 * does not wait for the next one. A line that makes a longer entry than log_limit is split into several. Empty lines
 * are not logged.
 *
 * log_buffering needs nothing done here: an entry is one write, with it and without it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stream {
        struct stream *next;
        const char *name; /* "stdout" */
        const char *pool;
        pid_t pid;
        bool bare;
        int fd;
        char *line; /* size bytes, the most that one entry takes; n of them are there */
        size_t n, size;
};

/* Texts are borrowed. */
struct stream_setup {
        const char *name;
        const char *pool;
        pid_t pid; /* of the worker */
        bool bare;
        unsigned limit; /* log_limit */
};

/* Takes over the descriptor, which is made not to block. 0 or -errno: then it is closed. */
int stream_new(const struct stream_setup *setup, int fd, struct stream **ret);

/* A line that has begun is logged. */
void stream_free(struct stream *s);

/* Reads once, and logs the lines that are whole. 0; STREAM_E_EMPTY (there is nothing now); STREAM_E_END; -errno: the
 * stream is of no more use. */
enum { STREAM_E_EMPTY = 1, STREAM_E_END = 2 };
int stream_read(struct stream *s);
