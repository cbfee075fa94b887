/* SPDX-License-Identifier: MIT */
#pragma once
/* A request as bytes, with the parameters that nginx sends, or as HTTP/1.1 for a web server in front. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_protocol { LOAD_PROTOCOL_FASTCGI, LOAD_PROTOCOL_HTTP };

struct load_request {
        enum load_protocol protocol;
        bool keep;
        const char *method;
        const char *script; /* SCRIPT_FILENAME; with HTTP the path */
        const char *query;
        const char *uri;    /* REQUEST_URI; NULL: of script and query */
        const char *cookie; /* NULL: none */
        const char *type;   /* of the body */
        const void *body;
        size_t n_body;
};

#define LOAD_REQUEST_ID 1U

/* *ret: bytes that the caller frees. 0 or -ENOMEM. */
int load_request_encode(const struct load_request *q, uint8_t **ret, size_t *ret_n);
