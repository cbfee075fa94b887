/* SPDX-License-Identifier: MIT */
#pragma once
/* An entry as one line of text in php-fpm's format, and one write that never waits. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"
#include "base/time.h"
#include "log/entry.h"

struct log_line {
        const struct log_entry *entry;
        const char *pool; /* "[pool NAME] "; NULL or "": none */
        usec_t wall;      /* when, microseconds since the epoch */
        pid_t detail_pid; /* not 0: microseconds and "pid N, FUNCTION(), line N: ", as php-fpm has them at log_level =
                             debug */
        const char *function;
        unsigned code_line;
};

/* Appends "[21-Nov-2026 20:46:42] NOTICE: [pool www] text\n", local time. Out of memory shows in out->failed. */
void log_line_format(const struct log_line *line, struct text *out);

/* Appends "[21-Nov-2026 20:46:42] ", local time; usec: with microseconds. */
void log_line_time(usec_t wall, bool usec, struct text *out);

/* Appends "Nov 21 20:46:42 ", local time, as syslog has it. */
void log_line_syslog_time(usec_t wall, struct text *out);

/* Appends s as base/printable.h has it for logs; newlines that end it are left out. */
void log_line_escape(const char *s, struct text *out);

/* "NOTICE" and so on. Static. */
const char *log_line_label(enum log_level level);

/* The priority of syslog(3), 0..7, as the journal and sd-daemon(3) want it. */
int log_line_priority(enum log_level level);

/* Writes the bytes at once, or as many as go without waiting for a reader. How many; -EAGAIN (it would have waited)
 * or another -errno: nothing went out. */
ssize_t log_line_write_some(int fd, const char *data, size_t n);
