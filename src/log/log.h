/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One log per process: to the journal with fields (native protocol), to a file or stderr as lines in
 * php-fpm's format, or both. Set up once; the zygote and its workers inherit descriptors from the master.
 *
 *     [21-Nov-2026 20:46:42] NOTICE: [pool www] child 41 exited on signal 11 (SIGSEGV) after 2.5 seconds from start
 *
 * Programs log, libraries return. One call is one entry: never split; what is not taken is waited for or kept as
 * out.h says, and counted when it is lost.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "log/entry.h"

struct log_setup {
        struct log_identity identity; /* without ident: the program's name, LOG_DAEMON */
        int journal_fd;               /* from log_open_journal(), or -1 */
        int file_fd;                  /* opened O_APPEND, or -1; lines go there */
        bool to_stderr;               /* lines go to stderr as well, unless it is the journal and journal_fd is set */
        enum log_level level;
};

/* The setup is copied; descriptors stay the caller's. Until the first call entries of NOTICE and above go to stderr. A
 * process that replaces its stderr calls this again; one that enters a chroot has called it before, since it loads the
 * time zone. */
void log_init(const struct log_setup *setup);

/* The identity alone: a zygote learns it after its first entries may have been written. */
void log_set_identity(const struct log_identity *identity);
const struct log_identity *log_identity(void);

/* The level alone. */
void log_set_level(enum log_level level);

/* Another file has been put under the file's descriptor. */
void log_renew_file(void);

/* From now on entries go to fd, what stderr was at the start, whatever log_init() said: for the reason of a start
 * that failed. again: even when the log's file is the same, so that each line is there twice. */
void log_add_stderr(int fd, bool again);

/* Pool of this process, for entries that name none: zygotes and workers. The string is kept, not copied. */
void log_set_pool(const char *pool);

/* True when an entry of the level would be written somewhere: for messages that cost something to build. */
bool log_enabled(enum log_level level);

/* Writes one entry. Keeps errno. 0, or -EAGAIN when a log could not take it now (the entry is dropped there). At
 * level debug lines name the place that wrote them. */
int log_write_at(const char *function, unsigned line, const struct log_entry *entry);
#define log_write(...) log_write_at(__func__, __LINE__, __VA_ARGS__)

/* The short form. */
void log_printf_at(const char *function, unsigned line, enum log_level level, const char *fmt, ...) _printf_(4, 5);
#define log_printf(...)  log_printf_at(__func__, __LINE__, __VA_ARGS__)
#define log_debug(...)   log_printf(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_notice(...)  log_printf(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(...) log_printf(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)   log_printf(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_alert(...)   log_printf(LOG_LEVEL_ALERT, __VA_ARGS__)

/* News that php-fpm has no line for: a notice, but under php-fpm's name only for debugging, as whoever reads that
 * log knows its order of lines. */
enum log_level log_level_own(void);
#define log_own(...) log_printf(log_level_own(), __VA_ARGS__)

/* A word of a worker that php-fpm's workers say on their stderr, where only catch_workers_output brings it into the
 * log: under that name it is said there (after log_set_said()) and is an entry of the journal alone; else it is a
 * plain entry. Keeps errno. */
void log_say(const struct log_entry *entry);
void log_say_printf(enum log_level level, const char *fmt, ...) _printf_(2, 3);

/* This process is a worker, and its stderr is caught or not. */
void log_set_said(bool caught);

/* True when stderr is connected to the journal, as systemd says it in JOURNAL_STREAM= (systemd.exec(5)). */
bool log_stderr_is_journal(void);

/* A socket connected to journald's native socket, close-on-exec; it survives a chroot. The descriptor or -errno. */
int log_open_journal(void);

/* The same for error_log = syslog: syslog's own socket where there is no journal (log/syslog.h). */
int log_open_syslog(void);

/* For a process that ends soon after its first entries: see log_journal_settle(). */
void log_settle(void);

/* Names: "debug", "notice", ..., in any case, as php-fpm takes them. 0 or -EINVAL. */
int log_level_from_name(const char *name, enum log_level *ret);
const char *log_level_name(enum log_level level);
