/* SPDX-License-Identifier: MIT */
/*
 * catch_workers_output: a worker's stdout and stderr are pipes, read here and logged line by line in php-fpm's words, or bare
 * (decorate_workers_output = no). The worker sends a NUL at the end of each request, so that a line without an end does not wait for the next one. A
 * line that makes a longer entry than log_limit is split into several. Empty lines are not logged. The worker's ends do not block, so a flood costs
 * lines, never time.
 *
 * log_buffering needs nothing done here: an entry is one write, with it and without it.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nudge.h"
#include "base/text.h"
#include "log/log.h"
#include "pool/pool.h"

#define OUTPUT_LIMIT_MAX  65536U /* the most that log_limit can ask for: it is memory, for each worker twice */
#define OUTPUT_DECORATION "[21-Nov-2026 20:46:42] WARNING: [pool ] "

struct output_stream {
        const char *name;
        int fd;
        sd_event_source *source;
        struct pool_output *output;
        char *line; /* size bytes, the most that one entry takes; n of them are there */
        size_t n, size;
};

struct pool_output {
        const struct pool *pool;
        pid_t pid;
        bool bare;
        struct output_stream streams[2];
};

static void output_say_head(const struct output_stream *s, struct text *out) {
        if (!s->output->bare)
                text_printf(out, "child %d said into %s: \"", s->output->pid, s->name);
}

/* How much of a worker's line fits into one of the log's, its end included. */
static size_t output_room(const struct output_stream *s, size_t limit) {
        _cleanup_text_ struct text head = {};
        size_t taken = 1;

        output_say_head(s, &head);
        if (!s->output->bare)
                taken += strlen(OUTPUT_DECORATION) + strlen(s->output->pool->name) + head.n + strlen("\"");
        return MIN(limit, (size_t)OUTPUT_LIMIT_MAX) - taken;
}

static void output_log(const struct output_stream *s, const char *line, size_t n) {
        _cleanup_text_ struct text message = {};

        if (n == 0)
                return;
        output_say_head(s, &message);
        text_append_n(&message, line, n);
        if (!s->output->bare)
                text_append(&message, "\"");
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_WORKER_OUTPUT,
                                       .pool = s->output->pool->name,
                                       .message = text_peek(&message),
                                       .bare = s->output->bare,
                                       .worker_pid = (uint64_t)s->output->pid });
}

static bool output_is_end(char c) {
        return c == '\n' || c == '\0';
}

static void output_split(struct output_stream *s) {
        char *start = s->line, *end = s->line + s->n;

        for (char *p = start; p < end; p++)
                if (output_is_end(*p)) {
                        output_log(s, start, (size_t)(p - start));
                        start = p + 1;
                }
        if (start == s->line && s->n == s->size) {
                output_log(s, start, s->n);
                start = end;
        }
        s->n = (size_t)(end - start);
        memmove(s->line, start, s->n);
}

/* For kernels before 6.4, which do not take RWF_NOWAIT for pipes: what poll(2) has announced is read, unless another reader was faster. A writer can open a reading end in
 * /proc. */
static ssize_t output_take_announced(struct output_stream *s) {
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        _cleanup_nudge_ struct nudge nudge = {};
        ssize_t k;
        int r;

        if (poll(&p, 1, 0) == 0)
                return -EAGAIN;
        r = nudge_begin(&nudge);
        if (r < 0)
                return r;
        k = read(s->fd, s->line + s->n, s->size - s->n);
        return k < 0 ? -errno : k;
}

/* Reads what there is now without waiting, whatever the other side has done to O_NONBLOCK. Bytes, 0 at the end, or -errno. */
static ssize_t output_take(struct output_stream *s) {
        struct iovec iov = { .iov_base = s->line + s->n, .iov_len = s->size - s->n };
        ssize_t k = preadv2(s->fd, &iov, 1, -1, RWF_NOWAIT);

        if (k >= 0)
                return k;
        return errno == EOPNOTSUPP ? output_take_announced(s) : -errno;
}

/* Reads what there is now. False at the end. */
static bool output_read(struct output_stream *s) {
        ssize_t k = output_take(s);

        if (k < 0)
                return k == -EAGAIN || k == -EINTR;
        s->n += (size_t)k;
        output_split(s);
        return k > 0;
}

static void output_close(struct output_stream *s) {
        output_log(s, s->line, s->n);
        s->n = 0;
        s->source = sd_event_source_disable_unref(s->source);
        s->fd = fd_close(s->fd);
}

static int output_on_bytes(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents,
                           void *userdata) {
        struct output_stream *s = userdata;

        if (!output_read(s))
                output_close(s);
        return 0;
}

/* A zygote could send anything; what it sends is read from. */
static bool output_is_pipe(int fd) {
        struct stat st;

        return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

int pool_output_new(const struct generation *g, pid_t pid, int stdout_fd, int stderr_fd, struct pool_output **ret) {
        struct pool_output *o = calloc(1, sizeof(*o));
        int r = 0;

        if (!output_is_pipe(stdout_fd) || !output_is_pipe(stderr_fd)) {
                fd_close(stdout_fd);
                fd_close(stderr_fd);
                free(o);
                return -EBADMSG;
        }
        if (!o) {
                fd_close(stdout_fd);
                fd_close(stderr_fd);
                return -ENOMEM;
        }
        o->pool = g->pool;
        o->pid = pid;
        o->bare = !g->conf->decorate_workers_output;
        o->streams[0] = (struct output_stream){ .name = "stdout", .fd = stdout_fd, .output = o };
        o->streams[1] = (struct output_stream){ .name = "stderr", .fd = stderr_fd, .output = o };
        for (size_t i = 0; i < ELEMENTSOF(o->streams) && r >= 0; i++) {
                struct output_stream *s = &o->streams[i];

                s->size = output_room(s, g->settings->global.log_limit);
                s->line = malloc(s->size);
                if (!s->line) {
                        r = -ENOMEM;
                        break;
                }
                r = sd_event_add_io(g->pool->env->event, &s->source, s->fd, EPOLLIN, output_on_bytes, s);
                if (r >= 0)
                        sd_event_source_set_description(s->source, "worker-output");
        }
        if (r < 0) {
                pool_output_free(o);
                return r;
        }
        *ret = o;
        return 0;
}

void pool_output_free(struct pool_output *o) {
        if (!o)
                return;
        for (size_t i = 0; i < ELEMENTSOF(o->streams); i++) {
                struct output_stream *s = &o->streams[i];

                for (unsigned k = 0; s->fd >= 0 && k < 16;
                     k++) /* the worker is gone: what it said last, within reason */
                        if (!output_read(s))
                                break;
                output_close(s);
                free(s->line);
        }
        free(o);
}
