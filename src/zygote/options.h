/* SPDX-License-Identifier: MIT */
#pragma once
/* The command line of fpmd-zygote, which the master writes. */

#include <stdbool.h>
#include <stdint.h>

#include "sapi/sapi.h"

#define OPTIONS_DEFINES_MAX 1024

struct options {
        uint64_t generation;
        uint64_t n_listeners;
        uint64_t log_level;
        bool allow_root; /* the master was told -R */
        bool is_reload;
        bool no_journal, no_log; /* what was not inherited */
        bool is_loader;          /* fork zygotes, and be none */
        bool check;              /* say what PHP does not take, and nothing else */
        int print;               /* what to print of PHP, and nothing else, or -1 */
        struct sapi_options sapi;
        char *defines[OPTIONS_DEFINES_MAX + 1];
};

/* Adds to what is there. Strings are the caller's, for good. --version is answered here, and ends the program. 0 or
 * -EINVAL. */
int options_parse(int argc, char **argv, struct options *o);
