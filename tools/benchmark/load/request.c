/* SPDX-License-Identifier: MIT */
/*
 * What a server is asked. The parameters are those of nginx's fastcgi_params and a browser's few headers, since their
 * number is part of what a request costs.
 */

#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"
#include "fcgi/client.h"

static struct fcgi_pair request_pair(const char *name, const char *value) {
        return (struct fcgi_pair){ .name = name, .n_name = strlen(name), .value = value, .n_value = strlen(value) };
}

static int request_encode_fastcgi(const struct load_request *q, uint8_t **ret, size_t *ret_n) {
        const char *slash = strrchr(q->script, '/');
        const char *name = slash ? slash : q->script;
        _cleanup_text_ struct text root = {}, uri = {};
        char length[24] = "";

        if (q->n_body > 0)
                snprintf(length, sizeof(length), "%zu", q->n_body);
        text_append_n(&root, q->script, (size_t)(name - q->script));
        if (q->uri)
                text_append(&uri, q->uri);
        else
                text_printf(&uri, "%s%s%s", name, *q->query ? "?" : "", q->query);
        if (root.failed || uri.failed)
                return -ENOMEM;

        const struct fcgi_pair params[] = {
                request_pair("QUERY_STRING", q->query),
                request_pair("REQUEST_METHOD", q->method),
                request_pair("CONTENT_TYPE", q->n_body > 0 ? q->type : ""),
                request_pair("CONTENT_LENGTH", length),
                request_pair("SCRIPT_FILENAME", q->script),
                request_pair("SCRIPT_NAME", name),
                request_pair("REQUEST_URI", text_peek(&uri)),
                request_pair("DOCUMENT_URI", name),
                request_pair("DOCUMENT_ROOT", text_peek(&root)),
                request_pair("SERVER_PROTOCOL", "HTTP/1.1"),
                request_pair("REQUEST_SCHEME", "http"),
                request_pair("GATEWAY_INTERFACE", "CGI/1.1"),
                request_pair("SERVER_SOFTWARE", "fpmd-load"),
                request_pair("REMOTE_ADDR", "127.0.0.1"),
                request_pair("REMOTE_PORT", "40000"),
                request_pair("SERVER_ADDR", "127.0.0.1"),
                request_pair("SERVER_PORT", "80"),
                request_pair("SERVER_NAME", "localhost"),
                request_pair("REDIRECT_STATUS", "200"),
                request_pair("HTTP_HOST", "localhost"),
                request_pair("HTTP_USER_AGENT", "fpmd-load"),
                request_pair("HTTP_ACCEPT", "*/*"),
                request_pair("HTTP_COOKIE", q->cookie ? q->cookie : ""), /* the last one: not every client has any */
        };
        const struct fcgi_client_request request = {
                .request_id = LOAD_REQUEST_ID,
                .keep_conn = q->keep,
                .params = params,
                .n_params = ELEMENTSOF(params) - !q->cookie,
                .body = q->body,
                .n_body = q->n_body,
        };

        return fcgi_client_encode(&request, ret, ret_n);
}

static int request_encode_http(const struct load_request *q, uint8_t **ret, size_t *ret_n) {
        _cleanup_text_ struct text out = {};
        char *bytes;
        int r;

        text_printf(&out, "%s %s%s%s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: fpmd-load\r\nAccept: */*\r\n",
                    q->method, q->script, *q->query ? "?" : "", q->query);
        if (q->n_body > 0)
                text_printf(&out, "Content-Type: %s\r\nContent-Length: %zu\r\n", q->type, q->n_body);
        text_printf(&out, "Connection: %s\r\n\r\n", q->keep ? "keep-alive" : "close");
        text_append_n(&out, q->body, q->n_body);
        r = text_finish(&out, &bytes, ret_n);
        if (r < 0)
                return r;
        *ret = (uint8_t *)bytes;
        return 0;
}

int load_request_encode(const struct load_request *q, uint8_t **ret, size_t *ret_n) {
        return q->protocol == LOAD_PROTOCOL_HTTP ? request_encode_http(q, ret, ret_n)
                                                 : request_encode_fastcgi(q, ret, ret_n);
}
