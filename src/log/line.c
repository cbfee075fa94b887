/* SPDX-License-Identifier: MIT */
/*
 * Lines. A site's tools (log rotation, fail2ban, dashboards) know php-fpm's format, so it is kept to the byte. At
 * log_level debug php-fpm adds microseconds, the pid, and the C function and line that speak; so do we, of our own
 * source.
 *
 * A message may hold bytes of a client or a script, so control characters never reach the file: one entry is
 * one line, and no entry can pretend to be two. C1 controls (U+0080..U+009F) are among them, since terminals obey them.
 *
 * A write here never waits; a caller that waits does so between two writes (out.c), and knows then for how long.
 * Regular files do not make a writer wait for anybody. A socket has MSG_DONTWAIT. A pipe has RWF_NOWAIT where the
 * kernel knows it (6.4); O_NONBLOCK is no choice, since it would belong to every process that shares the pipe. Else
 * poll(2) says whether PIPE_BUF bytes fit: then a line up to that size is one write, and only another writer that comes
 * in between can make it wait.
 *
 * Assumes that SIGPIPE is ignored, as every fpmd program does, or that a reader does not vanish between poll and write.
 */

#include "log/line.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include "base/printable.h"

static const struct {
        const char *label;
        int priority;
} line_levels[] = {
        [LOG_LEVEL_DEBUG] = { .label = "DEBUG", .priority = LOG_DEBUG },
        [LOG_LEVEL_NOTICE] = { .label = "NOTICE", .priority = LOG_NOTICE },
        [LOG_LEVEL_WARNING] = { .label = "WARNING", .priority = LOG_WARNING },
        [LOG_LEVEL_ERROR] = { .label = "ERROR", .priority = LOG_ERR },
        [LOG_LEVEL_ALERT] = { .label = "ALERT", .priority = LOG_ALERT },
};

const char *log_line_label(enum log_level level) {
        return line_levels[level].label;
}

int log_line_priority(enum log_level level) {
        return line_levels[level].priority;
}

void log_line_escape(const char *s, struct text *out) {
        size_t n = strlen(s);

        while (n > 0 && s[n - 1] == '\n')
                n--;
        printable_append(out, s, n, PRINTABLE_LOG);
}

/* Local time, and its month: not strftime("%b"), the format does not follow the locale. */
static const char *line_local(usec_t wall, struct tm *ret) {
        static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        time_t t = (time_t)(wall / USEC_PER_SEC);

        *ret = (struct tm){};
        localtime_r(&t, ret);
        return months[(unsigned)ret->tm_mon % 12];
}

void log_line_syslog_time(usec_t wall, struct text *out) {
        struct tm tm;
        const char *month = line_local(wall, &tm);

        text_printf(out, "%s %2d %02d:%02d:%02d ", month, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void log_line_time(usec_t wall, bool usec, struct text *out) {
        struct tm tm;
        const char *month = line_local(wall, &tm);

        text_printf(out, "[%02d-%s-%04d %02d:%02d:%02d", tm.tm_mday, month, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                    tm.tm_sec);
        if (usec)
                text_printf(out, ".%06u", (unsigned)(wall % USEC_PER_SEC));
        text_append(out, "] ");
}

void log_line_format(const struct log_line *line, struct text *out) {
        if (line->entry->bare) {
                log_line_escape(line->entry->message, out);
                text_append_c(out, '\n');
                return;
        }
        log_line_time(line->wall, line->detail_pid != 0, out);
        text_printf(out, "%s: ", line_levels[line->entry->level].label);
        if (line->detail_pid != 0)
                text_printf(out, "pid %d, %s(), line %u: ", (int)line->detail_pid, line->function, line->code_line);
        if (line->pool && *line->pool) {
                text_append(out, "[pool ");
                log_line_escape(line->pool, out);
                text_append(out, "] ");
        }
        if (line->entry->message)
                log_line_escape(line->entry->message, out);
        text_append_c(out, '\n');
}

/* Bytes written, or -errno. Writes of at most PIPE_BUF bytes, each after a look whether it fits. */
static ssize_t line_write_polled(int fd, const char *data, size_t n) {
        size_t done = 0;

        while (done < n) {
                struct pollfd p = { .fd = fd, .events = POLLOUT };
                ssize_t k = -1;

                if (poll(&p, 1, 0) < 0)
                        return done > 0 ? (ssize_t)done : -errno;
                /* POLLERR first: a pipe without reader says both, and the write would raise SIGPIPE */
                if (p.revents & POLLERR)
                        errno = EPIPE;
                else if (!(p.revents & POLLOUT))
                        errno = EAGAIN;
                else
                        k = write(fd, data + done, MIN(n - done, (size_t)PIPE_BUF));
                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return done > 0 ? (ssize_t)done : -errno;
                done += (size_t)k;
        }
        return (ssize_t)done;
}

/* A pipe, terminal or device. Bytes written, or -errno. */
static ssize_t line_write_stream(int fd, const char *data, size_t n) {
        struct iovec iov = { .iov_base = (char *)data, .iov_len = n };
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        ssize_t k;

        if (poll(&p, 1, 0) > 0 && p.revents & POLLERR)
                return -EPIPE;
        k = pwritev2(fd, &iov, 1, -1, RWF_NOWAIT);
        if (k >= 0)
                return k;
        if (errno != EOPNOTSUPP && errno != ENOSYS)
                return -errno;
        return line_write_polled(fd, data, n);
}

ssize_t log_line_write_some(int fd, const char *data, size_t n) {
        struct stat st;
        ssize_t k;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISREG(st.st_mode))
                k = write(fd, data, n);
        else if (S_ISSOCK(st.st_mode))
                k = send(fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        else
                return line_write_stream(fd, data, n);
        return k < 0 ? -errno : k;
}
