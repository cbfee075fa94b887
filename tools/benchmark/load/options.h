/* SPDX-License-Identifier: MIT */
#pragma once
/* fpmd-load's command line, checked as a whole. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "request.h"

#define LOAD_CONNECTIONS_MAX 4096U

struct load_options {
        const char *connect;
        struct addr target;
        enum load_protocol protocol;
        uint64_t n_connections;
        uint64_t n_requests;  /* 0: until the duration is over */
        uint64_t duration_ms; /* 0: until the requests are done */
        uint64_t rate;        /* a second, open loop; 0: closed loop */
        bool keep;
        const char *method;
        const char *script;
        const char *query;
        uint64_t n_body;
        uint64_t expect_status;
        uint64_t expect_length;
        bool expect_any;
        const char *expect_file;
        uint64_t timeout_ms;
        uint64_t max_failures;
        bool chaos;
        uint64_t seed;
};

/* 0; LOAD_OPTIONS_E_USAGE: what is wrong was said; LOAD_OPTIONS_E_EXIT: help was asked for. */
enum { LOAD_OPTIONS_E_USAGE = 1, LOAD_OPTIONS_E_EXIT };
int load_options_parse(int argc, char *argv[], struct load_options *ret);
