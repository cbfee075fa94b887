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

/* As php-fpm's log_level: an entry is written when its level is at least the configured one. */
enum log_level {
        LOG_LEVEL_DEBUG = 1,
        LOG_LEVEL_NOTICE,
        LOG_LEVEL_WARNING,
        LOG_LEVEL_ERROR,
        LOG_LEVEL_ALERT,
};

/* Journal message ids: THE table of events an operator may filter for (packaging/catalog explains each).
 *   symbol               id                                    what happened */
// clang-format off
#define LOG_EVENTS(X)                                                                                                  \
        X(STARTED,            "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b01") /* workers of every pool accept */                   \
        X(STOPPING,           "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b02")                                                      \
        X(RELOAD_BEGUN,       "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b03")                                                      \
        X(RELOAD_DONE,        "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b04")                                                      \
        X(RELOAD_REFUSED,     "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b05")                                                      \
        X(WORKER_DIED,        "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b06")                                                      \
        X(ZYGOTE_DIED,        "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b07")                                                      \
        X(CRASH_LOOP,         "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b08") /* replacements are being delayed */                 \
        X(POOL_DOWN,          "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b0e") /* its PHP does not start, and others serve */       \
        X(CONFIG_ERROR,       "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b09")                                                      \
        X(PHP_ERROR,          "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b0a")                                                      \
        X(PROTOCOL_VIOLATION, "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b0b") /* a peer broke FastCGI and lost its connection */   \
        X(DRAIN_TIMEOUT,      "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b0c") /* process_control_timeout cut requests short */     \
        X(WORKER_OUTPUT,      "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b0d") /* catch_workers_output */                         \
        X(REQUEST_TIMEOUT,    "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b21") /* request_terminate_timeout ended a worker */     \
        X(REQUEST_SLOW,       "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b22") /* request_slowlog_timeout */                      \
        X(RECEIVE_TIMEOUT,    "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b23") /* a client let itself be waited for too long */ \
        X(ENTRIES_LOST,       "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b41") /* a log took nothing for log_timeout */           \
        X(LOGGER_DIED,        "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b42") /* workers' output has lost a line at most */      \
        X(PARK_LIMIT,         "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b31") /* park.max_connections, park.max_bytes */          \
        X(PARK_DIED,          "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b32") /* the connections it held are lost */
// clang-format on

enum log_event {
        LOG_EVENT_NONE = 0,
#define X(symbol, id) LOG_EVENT_##symbol,
        LOG_EVENTS(X)
#undef X
                _LOG_EVENT_MAX,
};

/* Who writes, as the journal and syslog name it. */
struct log_identity {
        const char *ident; /* SYSLOG_IDENTIFIER; kept, not copied */
        int facility;      /* LOG_DAEMON and so on, of syslog(3) */
};

struct log_setup {
        struct log_identity identity; /* without ident: the program's name, LOG_DAEMON */
        int journal_fd;               /* from log_open_journal(), or -1 */
        int file_fd;                  /* opened O_APPEND, or -1; lines go there */
        bool to_stderr;               /* lines go to stderr as well, unless it is the journal and journal_fd is set */
        enum log_level level;
};

/* Everything an entry may carry; NULL or 0 is left out. */
struct log_entry {
        enum log_level level;
        enum log_event event;
        const char *pool;      /* FPMD_POOL= and the line's "[pool NAME] " */
        const char *message;   /* MESSAGE= and the line's text */
        bool journal_only;     /* no line is written */
        bool bare;             /* the line is the message alone: decorate_workers_output = no */
        const char *code_file; /* CODE_FILE=: of the PHP source for PHP errors */
        uint64_t code_line;    /* CODE_LINE= */
        const char *method;    /* FPMD_REQUEST_METHOD= */
        const char *uri;       /* FPMD_REQUEST_URI= */
        const char *script;    /* FPMD_SCRIPT= */
        const char *peer;      /* FPMD_PEER= */
        uint64_t worker_pid;   /* FPMD_WORKER_PID= */
        uint64_t generation;   /* FPMD_GENERATION= */
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

/* Names: "debug", "notice", ..., in any case, as php-fpm takes them. 0 or -EINVAL. */
int log_level_from_name(const char *name, enum log_level *ret);
const char *log_level_name(enum log_level level);
