/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Just enough of HTTP/1.x (RFC 9112) for probes that speak no FastCGI: the head of a GET or HEAD request in, as the
 * parameters that a web server would make of it, and a CGI reply out, as a response that ends its connection. Bodies
 * are not read. And one line of another protocol: HAProxy's agent-check. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define STATUS_HTTP_HEAD_MAX   8192U /* bytes of a head */
#define STATUS_HTTP_PARAMS_MAX (STATUS_HTTP_HEAD_MAX + 64U)

/* What HAProxy is to send (agent-send) to be told of the pool by its agent-check protocol. */
#define STATUS_HTTP_AGENT "agent-check"

struct status_http_head {
        unsigned refusal; /* the status to answer with, or 0 */
        bool agent;       /* it is STATUS_HTTP_AGENT, and nothing below is set */
        bool no_body;     /* HEAD */
        const char *path; /* of the target, as it was sent, without scheme and host; not NUL-terminated */
        size_t n_path;
        const char *query; /* behind the question mark */
        size_t n_query;
};

/* A connection's first byte is one of HTTP's, or agent-check's, or of an empty line before them; FastCGI begins with 1.
 */
bool status_http_begins(uint8_t byte);

/* Reads a head from all that has come so far. 0: it is there, or is refused. STATUS_HTTP_E_MORE: it is not whole, and
 * shorter than STATUS_HTTP_HEAD_MAX. */
enum { STATUS_HTTP_E_MORE = 1 };
int status_http_parse(const char *data, size_t n, struct status_http_head *ret);

/* REQUEST_METHOD, SCRIPT_NAME, QUERY_STRING (fcgi/params.h). The number of bytes. */
size_t status_http_params(const struct status_http_head *head, uint8_t out[static STATUS_HTTP_PARAMS_MAX]);

/* Appends the response for a CGI reply, headers and body. */
void status_http_respond(const char *reply, size_t n, bool no_body, struct text *out);

/* Appends the response for a refusal. */
void status_http_refuse(unsigned status, struct text *out);
