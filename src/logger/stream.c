/* SPDX-License-Identifier: MIT */
/* See stream.h. */

#include "logger/stream.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "log/log.h"

#define STREAM_LIMIT_MAX  65536U /* the most that log_limit can ask for: it is memory, for each worker twice */
#define STREAM_DECORATION "[21-Nov-2026 20:46:42] WARNING: [pool ] "

static void stream_say_head(const struct stream *s, struct text *out) {
        if (!s->bare)
                text_printf(out, "child %d said into %s: \"", s->pid, s->name);
}

/* How much of a worker's line fits into one of the log's, its end included. */
static size_t stream_room(const struct stream *s, size_t limit) {
        _cleanup_text_ struct text head = {};
        size_t taken = 1;

        stream_say_head(s, &head);
        if (!s->bare)
                taken += strlen(STREAM_DECORATION) + strlen(s->pool) + head.n + strlen("\"");
        return MIN(limit, (size_t)STREAM_LIMIT_MAX) - taken;
}

int stream_new(const struct stream_setup *setup, int fd, struct stream **ret) {
        struct stream *s = calloc(1, sizeof(*s));
        int r = s ? fd_set_nonblock(fd, true) : -ENOMEM;

        if (r == 0) {
                *s = (struct stream){
                        .name = setup->name, .pool = setup->pool, .pid = setup->pid, .bare = setup->bare, .fd = fd
                };
                s->size = stream_room(s, setup->limit);
                s->line = malloc(s->size);
                r = s->line ? 0 : -ENOMEM;
        }
        if (r < 0) {
                fd_close(fd);
                free(s);
                return r;
        }
        *ret = s;
        return 0;
}

static void stream_log(const struct stream *s, const char *line, size_t n) {
        _cleanup_text_ struct text message = {};

        if (n == 0)
                return;
        stream_say_head(s, &message);
        text_append_n(&message, line, n);
        if (!s->bare)
                text_append(&message, "\"");
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_WORKER_OUTPUT,
                                       .pool = s->pool,
                                       .message = text_peek(&message),
                                       .bare = s->bare,
                                       .worker_pid = (uint64_t)s->pid });
}

void stream_free(struct stream *s) {
        stream_log(s, s->line, s->n);
        fd_close(s->fd);
        free(s->line);
        free(s);
}

static bool stream_is_end(char c) {
        return c == '\n' || c == '\0';
}

static void stream_split(struct stream *s) {
        char *start = s->line, *end = s->line + s->n;

        for (char *p = start; p < end; p++)
                if (stream_is_end(*p)) {
                        stream_log(s, start, (size_t)(p - start));
                        start = p + 1;
                }
        if (start == s->line && s->n == s->size) {
                stream_log(s, start, s->n);
                start = end;
        }
        s->n = (size_t)(end - start);
        memmove(s->line, start, s->n);
}

int stream_read(struct stream *s) {
        ssize_t k = read(s->fd, s->line + s->n, s->size - s->n);

        if (k < 0)
                return errno == EAGAIN || errno == EINTR ? STREAM_E_EMPTY : -errno;
        if (k == 0)
                return STREAM_E_END;
        s->n += (size_t)k;
        stream_split(s);
        return 0;
}
