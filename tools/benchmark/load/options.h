/* SPDX-License-Identifier: MIT */
#pragma once
/* fpmd-load's command line, checked as a whole. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define LOAD_CONNECTIONS_MAX 4096U
#define LOAD_LENGTH_ANY      UINT64_MAX

struct load_options {
        const char *connect;
        struct addr target;
        const char *connecting;
        bool nonblocking; /* what connecting says */
        bool http;        /* else FastCGI */
        uint64_t n_connections;
        uint64_t n_requests;  /* 0: until the duration is over */
        uint64_t duration_ms; /* 0: until the requests are done */
        uint64_t rate;        /* a second, open loop; 0: closed loop */
        bool keep;
        const char *method;
        const char *script;
        const char *query;
        const char *uri;    /* NULL: of script and query */
        const char *cookie; /* NULL: none */
        uint64_t n_body;
        const char *form; /* a file: the body is a form's fields, as it is there */
        uint64_t expect_status;
        uint64_t expect_length; /* of the reply's body, or LOAD_LENGTH_ANY; expect_file is more exact */
        const char *expect_file;
        uint64_t timeout_ms;
        uint64_t max_failures;
        bool chaos;
        uint64_t seed;
};

/* Strings stay argv's. 0, or an outcome of cli_parse(). */
int load_options_parse(int argc, char *argv[], struct load_options *ret);
