/* SPDX-License-Identifier: MIT */
#pragma once
/* The command line of fpmd; php-fpm's letters. */

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_DEFINES_MAX 1024

struct options {
        char *conf_path;                        /* absolute */
        char *php_ini;                          /* -c, or NULL */
        char *runtime_dir;                      /* --runtime-dir, or NULL */
        bool no_php_ini;                        /* -n */
        bool test;                              /* -t */
        bool dump;                              /* -tt */
        bool force_stderr;                      /* -O */
        bool allow_root;                        /* -R */
        char *defines[OPTIONS_DEFINES_MAX + 1]; /* -d */
        size_t n_defines;
};

/* Parses; strings are copied, since the arguments' memory becomes the process title. 0: go on; OPTIONS_E_DONE: --help or --version was
 * answered; -EINVAL: a usage error was told on stderr; -ENOMEM. */
enum { OPTIONS_E_DONE = 1 };
int options_parse(int argc, char **argv, struct options *ret);
