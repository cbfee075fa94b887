/* SPDX-License-Identifier: MIT */
/*
 * What goes to the client: bytes of PHP's output layer, flushes, and the header block as CGI wants it (RFC 3875
 * section 6). A write that fails means that the client is gone; PHP then ends the script by a long jump out of these
 * functions, unless it ignores user aborts. So nothing here may hold a resource over such a call.
 */

#include <stdio.h>

#include "sapi/booted.h"

#include <http_status_codes.h>

/* Of the line that tells the status; longer ones are cut, as web servers take no more. php-fpm's length. */
#define STATUS_LINE_MAX 1023

/* After fastcgi_finish_request() output goes nowhere, and is no reason to stop. */
static bool output_has_client(void) {
        return sapi_current.io && !sapi_current.finished;
}

static void output_pass_on(const char *data, size_t n) {
        if (output_has_client() && sapi_current.io->write_reply(sapi_current.ctx, data, n) < 0)
                php_handle_aborted_connection();
}

size_t sapi_output_write(const char *data, size_t n) {
        if (sapi_booted_is_between())
                return fwrite(data, 1, n, stdout);
        if (!SG(request_info).headers_only) /* PHP looks at it only until the headers are sent, which a flush may do */
                output_pass_on(data, n);
        return n;
}

void sapi_output_flush(void *server_context) {
        if (sapi_booted_is_between())
                (void)fflush(stdout);
        if (!output_has_client())
                return;
        if (SAPI_COMPAT_FLUSH_SENDS_HEADERS)
                (void)sapi_send_headers();
        if (sapi_current.io->flush(sapi_current.ctx) < 0)
                php_handle_aborted_connection();
}

static const char *output_status_reason(int code) {
        for (size_t i = 0; i < ELEMENTSOF(http_status_map); i++)
                if (http_status_map[i].code == code)
                        return http_status_map[i].str;
        return NULL;
}

static bool output_is_header(const sapi_header_struct *h, const char *name, size_t n) {
        return h->header_len > n && strncasecmp(h->header, name, n) == 0;
}

static bool output_has_status_header(sapi_headers_struct *headers) {
        zend_llist_position at;
        sapi_header_struct *h;

        for (h = zend_llist_get_first_ex(&headers->headers, &at); h; h = zend_llist_get_next_ex(&headers->headers, &at))
                if (output_is_header(h, "Status:", 7))
                        return true;
        return false;
}

/* The line that a reply other than a plain 200 begins with; "HTTP/1.1 404 Gone fishing" becomes "Status: 404 Gone
 * fishing". False: none is written, and a "Status:" header, if the script has set one, stands. *ret_status: what the
 * client sees, which a status line says whatever code was set after it. */
static bool output_put_status(smart_str *out, sapi_headers_struct *headers, int *ret_status) {
        const char *line = headers->http_status_line, *reason, *blank = line ? strchr(line, ' ') : NULL;
        size_t room = STATUS_LINE_MAX;
        int code = headers->http_response_code;

        *ret_status = code;
        if (!sapi_settings.nph && code == 200)
                return false;
        if (blank)
                *ret_status = atoi(blank);
        if (line && sapi_settings.rfc2616_headers)
                smart_str_appendl(out, line, strnlen(line, room));
        else if (blank) {
                smart_str_appends(out, "Status:");
                room -= strlen("Status:");
                smart_str_appendl(out, blank, strnlen(blank, room));
        } else if (output_has_status_header(headers))
                return false;
        else {
                reason = output_status_reason(code);
                smart_str_append_printf(out, "Status: %d%s%s", code, reason ? " " : "", reason ? reason : "");
        }
        smart_str_appends(out, "\r\n");
        return true;
}

/* PHP calls this once per reply; the whole block is one write. */
int sapi_output_headers(sapi_headers_struct *headers) {
        smart_str out = { 0 };
        int status;
        bool said_status = output_put_status(&out, headers, &status);
        zend_llist_position at;
        sapi_header_struct *h;

        for (h = zend_llist_get_first_ex(&headers->headers, &at); h;
             h = zend_llist_get_next_ex(&headers->headers, &at)) {
                if (h->header_len == 0 || (status == 304 && output_is_header(h, "Content-Type:", 13)))
                        continue;
                if (output_is_header(h, "Status:", 7)) {
                        if (said_status)
                                continue;
                        said_status = true;
                        sapi_current.status = (uint32_t)strtoul(h->header + 7, NULL, 10);
                }
                smart_str_appendl(&out, h->header, h->header_len);
                smart_str_appendl(&out, "\r\n", 2);
        }
        smart_str_appendl(&out, "\r\n", 2);
        output_pass_on(ZSTR_VAL(out.s), ZSTR_LEN(out.s));
        smart_str_free(&out);
        return SAPI_HEADER_SENT_SUCCESSFULLY;
}
