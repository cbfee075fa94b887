/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * THE table of directives. The fields of struct conf_global and struct conf_pool, parsing, defaults, range errors, the
 * dump of -tt, what a zygote is told and what a reload compares: all come from these rows. A new directive is a new
 * row.
 *
 *   directive   as a file writes it
 *   field       of struct conf_global or struct conf_pool
 *   type        how text becomes a value; CONF_CTYPE_x is its C type
 *   min, max    COUNT, AUTO, LIMIT, INT, RLIMIT: the number; SIZE: bytes; TIME: seconds; MODE: the bits; STRING, PATH:
 *               bytes of a text that is set. A COUNT or LIMIT that may be negative is 0 then: php-fpm takes both for
 *               "no limit"
 *   default     as a file would write it; NULL: unset
 *   acts        NOW: it does what it says; OWN: so does this one, which php-fpm does not have, or does not show; NEVER:
 *               checked and kept for php-fpm's sake, and without effect here
 *   applies     RELOAD: a new generation takes it up; RESTART: only a new start of the master does
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define CONF_CTYPE_STRING     char *
#define CONF_CTYPE_PATH       char *
#define CONF_CTYPE_BOOL       bool
#define CONF_CTYPE_COUNT      unsigned
#define CONF_CTYPE_AUTO       unsigned /* 0: the program finds it out ("auto") */
#define CONF_CTYPE_LIMIT      unsigned /* a COUNT, or CONF_LIMIT_AUTO ("auto") */
#define CONF_CTYPE_INT        int      /* CONF_INT_UNSET: unset */
#define CONF_CTYPE_RLIMIT     int64_t  /* CONF_UNLIMITED: no limit */
#define CONF_CTYPE_SIZE       uint64_t
#define CONF_CTYPE_TIME       usec_t
#define CONF_CTYPE_MODE       unsigned
#define CONF_CTYPE_LEVEL      enum log_level
#define CONF_CTYPE_PM         enum conf_pm
#define CONF_CTYPE_FACILITY   int     /* LOG_DAEMON and so on, of syslog(3) */
#define CONF_CTYPE_WORDS      char ** /* NULL-terminated */
#define CONF_CTYPE_ABANDONED  enum conf_abandoned
#define CONF_CTYPE_DISCONNECT enum conf_disconnect
#define CONF_CTYPE_DELAY      usec_t /* as TIME, and milliseconds */
#define CONF_CTYPE_OWNER      enum conf_owner
#define CONF_CTYPE_SECCOMP    enum conf_seccomp
#define CONF_CTYPE_LANDLOCK   enum conf_landlock

#define CONF_INT_UNSET  INT_MIN
#define CONF_LIMIT_AUTO UINT_MAX
#define CONF_UNLIMITED  INT64_C(-1)

#define CONF_TIME_MAX   31536000 /* a year, in seconds */
#define CONF_PATH_BYTES 4095
#define CONF_TEXT_BYTES 65535
#define CONF_NAME_BYTES 255
#define CONF_SHARDS_MAX 64

// clang-format off
/*    directive                      field                        type      min  max              default   acts   applies */
#define CONF_GLOBAL_DIRECTIVES(D)                                                                                      \
        D("pid",                         pid,                         PATH,     1,   CONF_PATH_BYTES, NULL,     NOW,   RESTART)  \
        D("error_log",                   error_log,                   PATH,     1,   CONF_PATH_BYTES, NULL,     NOW,   RESTART)  \
        D("syslog.ident",                syslog_ident,                STRING,   0,   CONF_NAME_BYTES, "fpmd",   NOW,   RELOAD)   \
        D("syslog.facility",             syslog_facility,             FACILITY, 0,   0,               "daemon", NOW,   RELOAD)   \
        D("log_buffering",               log_buffering,               BOOL,     0,   1,               "yes",    NOW,   RELOAD)   \
        D("log_level",                   log_level,                   LEVEL,    0,   0,               "notice", NOW,   RELOAD)   \
        D("log_limit",                   log_limit,                   COUNT,    512, INT32_MAX,       "1024",   NOW,   RELOAD)   \
        D("log_timeout",                 log_timeout,                 TIME,     0,   CONF_TIME_MAX,   "10s",    OWN,   RELOAD)   \
        D("emergency_restart_interval",  emergency_restart_interval,  TIME,     0,   CONF_TIME_MAX,   "0",      NOW,   RELOAD)   \
        D("emergency_restart_threshold", emergency_restart_threshold, COUNT,    -INT32_MAX, INT32_MAX, "0",      NOW,   RELOAD)   \
        D("process_control_timeout",     process_control_timeout,     TIME,     0,   CONF_TIME_MAX,   "30s",    NOW,   RELOAD)   \
        D("process.max",                 process_max,                 COUNT,    0,   INT32_MAX,       "0",      NOW,   RELOAD)   \
        D("pool.budget",                 pool_budget,                 COUNT,    0,   INT32_MAX,       "0",      OWN,   RELOAD)   \
        D("process.priority",            process_priority,            INT,      -19, 20,              NULL,     NOW,   RELOAD)   \
        D("process.shared_libraries",    process_shared_libraries,    BOOL,     0,   1,               "yes",    OWN,   RELOAD)   \
        D("daemonize",                   daemonize,                   BOOL,     0,   1,               "no",     NOW,   RESTART)  \
        D("rlimit_files",                rlimit_files,                COUNT,    0,   INT32_MAX,       "0",      NOW,   RESTART)  \
        D("rlimit_core",                 rlimit_core,                 RLIMIT,   0,   INT64_MAX,       "0",      NOW,   RESTART)  \
        D("events.mechanism",            events_mechanism,            STRING,   1,   CONF_NAME_BYTES, NULL,     NEVER, RESTART)  \
        D("systemd_interval",            systemd_interval,            TIME,     0,   CONF_TIME_MAX,   "1s",     NOW,   RELOAD)

#define CONF_POOL_DIRECTIVES(D)                                                                                        \
        D("prefix",                      prefix,                      PATH,     1,   CONF_PATH_BYTES, NULL,     NOW,   RELOAD)   \
        D("user",                        user,                        STRING,   1,   CONF_NAME_BYTES, NULL,     NOW,   RELOAD)   \
        D("group",                       group,                       STRING,   1,   CONF_NAME_BYTES, NULL,     NOW,   RELOAD)   \
        D("listen",                      listen,                      STRING,   1,   CONF_PATH_BYTES, NULL,     NOW,   RELOAD)   \
        D("listen.backlog",              listen_backlog,              INT,      -INT32_MAX, INT32_MAX, "-1",     NOW,   RELOAD)   \
        D("listen.shards",               listen_shards,               AUTO,     1,   CONF_SHARDS_MAX, "auto",   OWN,   RELOAD)   \
        D("listen.defer_accept",         listen_defer_accept,         TIME,     0,   300,             "1s",     OWN,   RELOAD)   \
        D("listen.acl_users",            listen_acl_users,            STRING,   1,   CONF_TEXT_BYTES, NULL,     NOW,   RELOAD)   \
        D("listen.acl_groups",           listen_acl_groups,           STRING,   1,   CONF_TEXT_BYTES, NULL,     NOW,   RELOAD)   \
        D("listen.owner",                listen_owner,                STRING,   1,   CONF_NAME_BYTES, NULL,     NOW,   RELOAD)   \
        D("listen.group",                listen_group,                STRING,   1,   CONF_NAME_BYTES, NULL,     NOW,   RELOAD)   \
        D("listen.mode",                 listen_mode,                 MODE,     0,   07777,           "0660",   NOW,   RELOAD)   \
        D("listen.allowed_clients",      listen_allowed_clients,      STRING,   0,   CONF_TEXT_BYTES, NULL,     NOW,   RELOAD)   \
        D("listen.peer_users",           listen_peer_users,           STRING,   0,   CONF_TEXT_BYTES, NULL,     OWN,   RELOAD)   \
        D("process.priority",            process_priority,            INT,      -19, 20,              NULL,     NOW,   RELOAD)   \
        D("process.dumpable",            process_dumpable,            BOOL,     0,   1,               "no",     NOW,   RELOAD)   \
        D("pm",                          pm,                          PM,       0,   0,               NULL,     NOW,   RELOAD)   \
        D("pm.max_children",             max_children,                LIMIT,    -INT32_MAX, 8192,      NULL,     NOW,   RELOAD)   \
        D("pm.start_servers",            start_servers,               COUNT,    -INT32_MAX, 8192,      "0",      NOW,   RELOAD)   \
        D("pm.min_spare_servers",        min_spare_servers,           COUNT,    0,   8192,            "0",      NOW,   RELOAD)   \
        D("pm.max_spare_servers",        max_spare_servers,           COUNT,    0,   8192,            "0",      NOW,   RELOAD)   \
        D("pm.max_spawn_rate",           max_spawn_rate,              COUNT,    0,   8192,            "32",     NOW,   RELOAD)   \
        D("pm.process_idle_timeout",     process_idle_timeout,        TIME,     0,   CONF_TIME_MAX,   "0",      NOW,   RELOAD)   \
        D("pool.sleep_after",            sleep_after,                 TIME,     0,   CONF_TIME_MAX,   "0",      OWN,   RELOAD)   \
        D("pm.max_requests",             max_requests,                COUNT,    -INT32_MAX, UINT32_MAX, "0",      NOW,   RELOAD)   \
        D("pm.max_requests_jitter",      max_requests_jitter,         COUNT,    0,   INT32_MAX,       "0",      OWN,   RELOAD)   \
        D("pm.max_memory",               max_memory,                  SIZE,     0,   INT64_MAX,       "0",      OWN,   RELOAD)   \
        D("pm.exit_after_fatal",         exit_after_fatal,            BOOL,     0,   1,               "no",     OWN,   RELOAD)   \
        D("pm.status_path",              status_path,                 STRING,   1,   CONF_PATH_BYTES, NULL,     NOW,   RELOAD)   \
        D("pm.status_listen",            status_listen,               STRING,   1,   CONF_PATH_BYTES, NULL,     NOW,   RELOAD)   \
        D("ping.path",                   ping_path,                   STRING,   1,   CONF_PATH_BYTES, NULL,     NOW,   RELOAD)   \
        D("ping.response",               ping_response,               STRING,   0,   CONF_TEXT_BYTES, "pong",   NOW,   RELOAD)   \
        D("access.log",                  access_log,                  PATH,     1,   CONF_PATH_BYTES, NULL,     NOW,   RELOAD)   \
        D("access.format",               access_format,               STRING,   1,   CONF_TEXT_BYTES, NULL,     NOW,   RELOAD)   \
        D("slowlog",                     slowlog,                     PATH,     1,   CONF_PATH_BYTES, NULL,     NOW,   RELOAD)   \
        D("request_slowlog_timeout",     request_slowlog_timeout,     TIME,     0,   CONF_TIME_MAX,   "0",      NOW,   RELOAD)   \
        D("request_slowlog_trace_depth", request_slowlog_trace_depth, COUNT,    0,   INT32_MAX,       "20",     NOW,   RELOAD)   \
        D("request_receive_timeout",     request_receive_timeout,     TIME,     0,   CONF_TIME_MAX,   "0",      OWN,   RELOAD)   \
        D("request_terminate_timeout",   request_terminate_timeout,   TIME,     0,   CONF_TIME_MAX,   "0",      NOW,   RELOAD)   \
        D("request_terminate_timeout_track_finished",                                                                       \
                                         request_terminate_timeout_track_finished, BOOL, 0, 1,        "no",     NOW,   RELOAD)   \
        D("request.on_disconnect",       request_on_disconnect,       DISCONNECT, 0, 0,               "ignore", OWN,   RELOAD)   \
        D("rlimit_files",                rlimit_files,                COUNT,    0,   INT32_MAX,       "0",      NOW,   RELOAD)   \
        D("rlimit_core",                 rlimit_core,                 RLIMIT,   0,   INT64_MAX,       "0",      NOW,   RELOAD)   \
        D("park.max_connections",        park_max_connections,        COUNT,    1,   1000000,         "4096",   OWN,   RELOAD)   \
        D("park.max_bytes",              park_max_bytes,              SIZE,     65536, INT64_MAX,     "64M",    OWN,   RELOAD)   \
        D("park.first_byte_timeout",     park_first_byte_timeout,     TIME,     1,   CONF_TIME_MAX,   "5s",     OWN,   RELOAD)   \
        D("park.rest_timeout",           park_rest_timeout,           TIME,     1,   CONF_TIME_MAX,   "2m",     OWN,   RELOAD)   \
        D("park.idle_timeout",           park_idle_timeout,           TIME,     1,   CONF_TIME_MAX,   "5m",     OWN,   RELOAD)   \
        D("queue.abandoned",             queue_abandoned,             ABANDONED, 0, 0,                "run",    OWN,   RELOAD)   \
        D("queue.max_wait",              queue_max_wait,              DELAY,    0,   CONF_TIME_MAX,   "0",      OWN,   RELOAD)   \
        D("queue.max_length",            queue_max_length,            COUNT,    0,   1000000,         "0",      OWN,   RELOAD)   \
        D("queue.status",                queue_status,                COUNT,    400, 599,             "503",    OWN,   RELOAD)   \
        D("queue.retry_after",           queue_retry_after,           TIME,     0,   CONF_TIME_MAX,   "1s",     OWN,   RELOAD)   \
        D("queue.body",                  queue_body,                  PATH,     1,   CONF_PATH_BYTES, NULL,     OWN,   RELOAD)   \
        D("chroot",                      chroot,                      PATH,     1,   CONF_PATH_BYTES, NULL,     NOW,   RELOAD)   \
        D("chdir",                       chdir,                       PATH,     1,   CONF_PATH_BYTES, NULL,     NOW,   RELOAD)   \
        D("catch_workers_output",        catch_workers_output,        BOOL,     0,   1,               "no",     NOW,   RELOAD)   \
        D("decorate_workers_output",     decorate_workers_output,     BOOL,     0,   1,               "yes",    NOW,   RELOAD)   \
        D("clear_env",                   clear_env,                   BOOL,     0,   1,               "yes",    NOW,   RELOAD)   \
        D("worker.script",               worker_script,               PATH,     1,   CONF_PATH_BYTES, NULL,     OWN,   RELOAD)   \
        D("worker.requests",             worker_requests,             COUNT,    0,   UINT32_MAX,      "0",      OWN,   RELOAD)   \
        D("worker.max_age",              worker_max_age,              TIME,     0,   CONF_TIME_MAX,   "0",      OWN,   RELOAD)   \
        D("worker.boot_timeout",         worker_boot_timeout,         TIME,     1,   CONF_TIME_MAX,   "30s",    OWN,   RELOAD)   \
        D("security.limit_extensions",   limit_extensions,            WORDS,    0,   CONF_TEXT_BYTES, ".php .phar", NOW, RELOAD) \
        D("security.script_owner",       script_owner,                OWNER,    0,   0,               "any",    OWN,   RELOAD)   \
        D("security.expose_credentials", expose_credentials,          BOOL,     0,   1,               "no",     OWN,   RELOAD)   \
        D("security.seccomp",            seccomp,                     SECCOMP,  0,   0,               "no",     OWN,   RELOAD)   \
        D("security.landlock",           landlock,                    LANDLOCK, 0,   0,               "no",     OWN,   RELOAD)   \
        D("security.wire_ini",           wire_ini,                    BOOL,     0,   1,               "yes",    OWN,   RELOAD)   \
        D("security.pcntl",              pcntl,                       BOOL,     0,   1,               "no",     OWN,   RELOAD)   \
        D("apparmor_hat",                apparmor_hat,                STRING,   1,   CONF_NAME_BYTES, NULL,     OWN,   RELOAD)

/* Directives of a pool that are written name[key] = value, any number of times.
 *    directive               kind             acts */
#define CONF_POOL_ARRAYS(A)                                                                                            \
        A("env",                  ENV,             NOW)                                                                    \
        A("php_value",            PHP_VALUE,       NOW)                                                                    \
        A("php_flag",             PHP_FLAG,        NOW)                                                                    \
        A("php_admin_value",      PHP_ADMIN_VALUE, NOW)                                                                    \
        A("php_admin_flag",       PHP_ADMIN_FLAG,  NOW)                                                                    \
        A("access.suppress_path", SUPPRESS_PATH,   NOW)                                                                    \
        A("queue.priority",       QUEUE_PRIORITY,  OWN)                                                                    \
        A("security.exec_basedir", EXEC_BASEDIR,   OWN)                                                                    \
        A("worker.warmup",        WARMUP,          OWN)                                                                    \
        A("security.read_path",   READ_PATH,       OWN)                                                                    \
        A("security.write_path",  WRITE_PATH,      OWN)
// clang-format on

/* CONF_GLOBAL_log_level, CONF_POOL_max_children and so on: the number of a row. */
enum conf_global_row {
#define D(name, field, type, min, max, initial, acts, applies) CONF_GLOBAL_##field,
        CONF_GLOBAL_DIRECTIVES(D)
#undef D
                _CONF_GLOBAL_MAX,
};

enum conf_pool_row {
#define D(name, field, type, min, max, initial, acts, applies) CONF_POOL_##field,
        CONF_POOL_DIRECTIVES(D)
#undef D
                _CONF_POOL_MAX,
};

enum conf_array_kind {
#define A(name, kind, acts) CONF_ARRAY_##kind,
        CONF_POOL_ARRAYS(A)
#undef A
                _CONF_ARRAY_MAX,
};
