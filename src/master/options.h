/* SPDX-License-Identifier: MIT */
#pragma once
/* The command line of fpmd; php-fpm's letters and words. */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "base/time.h"
#include "conf/load.h"

#define OPTIONS_DEFINES_MAX 1024

/* The program's task. */
enum options_task {
        OPTIONS_RUN,
        OPTIONS_TEST,
        OPTIONS_HELP,
        OPTIONS_VERSION,
        OPTIONS_MODULES,
        OPTIONS_INFO,
};

enum options_daemonize { OPTIONS_DAEMONIZE_BY_FILE, OPTIONS_DAEMONIZE, OPTIONS_NODAEMONIZE };

struct options {
        enum options_task task;
        char *conf_name;                        /* -y as it was given, or the default: for messages and titles */
        char *conf_path;                        /* the same, absolute */
        char *prefix;                           /* -p, absolute, or NULL */
        char *pool;                             /* --pool, or NULL */
        char *units;                            /* --leave-to-units, or NULL */
        char *pid_path;                         /* -g, or NULL */
        char *php_ini;                          /* -c, or NULL */
        char *runtime_dir;                      /* --runtime-dir, or NULL */
        usec_t exit_idle;                       /* --exit-idle-time; 0: none */
        usec_t drain_time;                      /* --drain-time; 0: none */
        bool drains;                            /* it was given, 0 maybe */
        struct text refusal;                    /* --refuse: lines; empty: none */
        bool no_php_ini;                        /* -n */
        bool extended_info;                     /* -e */
        bool dump;                              /* -tt */
        bool force_stderr;                      /* -O */
        bool allow_root;                        /* -R */
        enum options_daemonize daemonize;       /* -D, -F */
        char *defines[OPTIONS_DEFINES_MAX + 1]; /* -d */
        size_t n_defines;
        char **arguments; /* all of the command line, a copy, NULL-terminated */
};

/* Parses; strings are copied, since the arguments' memory becomes the process title. 0; -EINVAL: a usage error was
 * told; -ENOMEM. */
int options_parse(int argc, char **argv, struct options *ret);

/* The text of --help, to stdout. */
void options_print_help(void);

/* How a configuration is read under these options, at a start and at a reload. Borrows. */
struct conf_options options_for_conf(const struct options *o);
