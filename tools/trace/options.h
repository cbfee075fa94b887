/* SPDX-License-Identifier: MIT */
#pragma once
/* The command line. */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

struct trace_options {
        uint64_t pid;       /* 0: all */
        const char *pool;   /* NULL: all */
        const char *binary; /* NULL: those of running processes */
        usec_t interval;
        usec_t duration; /* USEC_INFINITY: until a signal */
        uint64_t count;  /* refreshes, or lines with follow; 0: no end */
        bool json;
        bool follow;
        bool personal;
        bool verbose;
};

/* Strings stay argv's. 0, or an outcome of cli_parse(). */
int trace_options_parse(int argc, char *argv[], struct trace_options *ret);
