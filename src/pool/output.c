/* SPDX-License-Identifier: MIT */
/*
 * catch_workers_output: a worker's stdout and stderr are pipes, read here and logged line by line in php-fpm's words. A line that does not end is
 * cut at OUTPUT_LINE_MAX; the worker's ends do not block, so a flood costs lines, never time.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "log/log.h"
#include "pool/pool.h"

#define OUTPUT_LINE_MAX 8192U

struct output_stream {
        const char *name;
        int fd;
        sd_event_source *source;
        struct pool_output *output;
        size_t n;
        char line[OUTPUT_LINE_MAX];
};

struct pool_output {
        const struct pool *pool;
        pid_t pid;
        struct output_stream streams[2];
};

static void output_log(const struct output_stream *s, const char *line, size_t n) {
        _cleanup_text_ struct text message = {};

        text_printf(&message, "child %d said into %s: \"", s->output->pid, s->name);
        text_append_n(&message, line, strnlen(line, n));
        text_append(&message, "\"");
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_WORKER_OUTPUT,
                                       .pool = s->output->pool->name,
                                       .message = text_peek(&message),
                                       .worker_pid = (uint64_t)s->output->pid });
}

static void output_split(struct output_stream *s) {
        char *start = s->line, *end = s->line + s->n, *newline;

        while ((newline = memchr(start, '\n', (size_t)(end - start)))) {
                output_log(s, start, (size_t)(newline - start));
                start = newline + 1;
        }
        if (start == s->line && s->n == sizeof(s->line)) {
                output_log(s, start, s->n);
                start = end;
        }
        s->n = (size_t)(end - start);
        memmove(s->line, start, s->n);
}

/* Reads what there is now. False at the end. */
static bool output_read(struct output_stream *s) {
        struct iovec iov = { .iov_base = s->line + s->n, .iov_len = sizeof(s->line) - s->n };
        ssize_t k = preadv2(s->fd, &iov, 1, -1, RWF_NOWAIT); /* whatever the other side has done to O_NONBLOCK */

        if (k < 0)
                return errno == EAGAIN || errno == EINTR;
        s->n += (size_t)k;
        output_split(s);
        return k > 0;
}

static void output_close(struct output_stream *s) {
        if (s->n > 0)
                output_log(s, s->line, s->n);
        s->n = 0;
        s->source = sd_event_source_disable_unref(s->source);
        s->fd = fd_close(s->fd);
}

static int output_on_bytes(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
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

int pool_output_new(struct pool *p, pid_t pid, int stdout_fd, int stderr_fd, struct pool_output **ret) {
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
        o->pool = p;
        o->pid = pid;
        o->streams[0] = (struct output_stream){ .name = "stdout", .fd = stdout_fd, .output = o };
        o->streams[1] = (struct output_stream){ .name = "stderr", .fd = stderr_fd, .output = o };
        for (size_t i = 0; i < ELEMENTSOF(o->streams) && r >= 0; i++) {
                struct output_stream *s = &o->streams[i];

                r = sd_event_add_io(p->env->event, &s->source, s->fd, EPOLLIN, output_on_bytes, s);
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

                for (unsigned k = 0; s->fd >= 0 && k < 16; k++) /* the worker is gone: what it said last, within reason */
                        if (!output_read(s))
                                break;
                output_close(s);
        }
        free(o);
}
