/* SPDX-License-Identifier: MIT */
#pragma once
/* What an entry of the log is: its level, its event, its fields. */

#include <stdbool.h>
#include <stdint.h>

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
        X(WORKER_OOM,         "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b51") /* the kernel has killed it for its memory */        \
        X(ZYGOTE_DIED,        "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b07")                                                      \
        X(CRASH_LOOP,         "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b08") /* replacements are being delayed */                 \
        X(POOL_STUCK,         "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b26") /* connections wait beside idle workers */           \
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
        X(PARK_DIED,          "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b32") /* the connections it held are lost */               \
        X(LEAK,               "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b61") /* fpmctl leaks: what a request has left behind */
// clang-format on

enum log_event {
        LOG_EVENT_NONE = 0,
#define X(symbol, id) LOG_EVENT_##symbol,
        LOG_EVENTS(X)
#undef X
                _LOG_EVENT_MAX,
};

/* The writer, as the journal and syslog name it. */
struct log_identity {
        const char *ident; /* SYSLOG_IDENTIFIER; kept, not copied */
        int facility;      /* LOG_DAEMON and so on, of syslog(3) */
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
