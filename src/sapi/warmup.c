/* SPDX-License-Identifier: MIT */
/*
 * worker.warmup[]: a request that no client has made, for what PHP and the application keep of it. Its parameters are
 * those that a web server on this machine would send; its reply goes nowhere, and only whether it is one counts.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sapi/booted.h"

#include "base/printable.h"
#include "base/text.h"
#include "base/time.h"
#include "conf/warmup.h"
#include "fcgi/params.h"

#define WARMUP_FATAL 255 /* exit status */

static struct {
        struct sapi_io io;
        bool ran;       /* the script has been begun */
        char *last;     /* PHP's last message, when the reply ended */
        char *location; /* the reply's header */
} warmup;

static int warmup_drop(_unused_ void *ctx, _unused_ const void *buf, _unused_ size_t n) {
        return 0;
}

static void warmup_note_begin(_unused_ void *ctx, _unused_ const char *script, _unused_ const char *user) {
        warmup.ran = true;
}

static void warmup_note_location(void) {
        size_t n;
        const char *header = sapi_facts_header("Location", &n);
        _cleanup_text_ struct text t = { 0 };

        if (!header)
                return;
        printable_append(&t, header, n, PRINTABLE_LOG);
        free(TAKE_PTR(warmup.location));
        (void)text_finish(&t, &warmup.location, NULL);
}

static void warmup_note_message(uint32_t app_status) {
        _cleanup_text_ struct text t = { 0 };

        if (!PG(last_error_message) || (app_status != WARMUP_FATAL && sapi_request_status() < 500))
                return;
        text_printf(&t, "%s in %s on line %d", ZSTR_VAL(PG(last_error_message)),
                    PG(last_error_file) ? ZSTR_VAL(PG(last_error_file)) : "?", (int)PG(last_error_lineno));
        free(TAKE_PTR(warmup.last));
        (void)text_finish(&t, &warmup.last, NULL);
}

/* Where PHP ends the request itself it has forgotten the message by the reply's end. */
void sapi_warmup_note(void) {
        if (sapi_current.io == &warmup.io)
                warmup_note_message((uint32_t)EG(exit_status));
}

/* It forgets the headers soon. */
static int warmup_note_end(_unused_ void *ctx, uint32_t app_status, _unused_ bool php_goes_on) {
        warmup_note_location();
        warmup_note_message(app_status);
        return 0;
}

#define WARMUP_PAIR(key, data, length)                                                                                 \
        { .name = (key), .n_name = sizeof(key) - 1, .value = (data), .n_value = (length) }
#define WARMUP_FIXED(key, data) WARMUP_PAIR(key, data, sizeof(data) - 1)

/* The script is the one of its folder that the web server has as its root. The caller's; NULL: out of memory. */
static uint8_t *warmup_encode(const char *script, const struct conf_warmup *w, size_t *ret_n) {
        const char *slash = strrchr(script, '/');
        size_t n_root = slash > script ? (size_t)(slash - script) : 1, n_path = strcspn(w->uri, "?");
        const struct fcgi_pair pairs[] = {
                WARMUP_FIXED("GATEWAY_INTERFACE", "CGI/1.1"),
                WARMUP_FIXED("SERVER_SOFTWARE", "fpmd"),
                WARMUP_FIXED("SERVER_PROTOCOL", "HTTP/1.1"),
                WARMUP_FIXED("SERVER_ADDR", "127.0.0.1"),
                WARMUP_FIXED("REMOTE_ADDR", "127.0.0.1"),
                WARMUP_FIXED("REDIRECT_STATUS", "200"),
                WARMUP_FIXED("REQUEST_METHOD", "GET"),
                WARMUP_FIXED("CONTENT_LENGTH", ""),
                WARMUP_FIXED("HTTP_USER_AGENT", "fpmd-warmup"),
                WARMUP_PAIR("SERVER_PORT", w->tls ? "443" : "80", w->tls ? 3 : 2),
                WARMUP_PAIR("REQUEST_SCHEME", w->tls ? "https" : "http", w->tls ? 5 : 4),
                WARMUP_PAIR("HTTPS", w->tls ? "on" : "", w->tls ? 2 : 0),
                WARMUP_PAIR("HTTP_HOST", w->host, w->n_host),
                WARMUP_PAIR("SERVER_NAME", w->host, strcspn(w->host, ":/")),
                WARMUP_PAIR("DOCUMENT_ROOT", script, n_root),
                WARMUP_PAIR("SCRIPT_FILENAME", script, strlen(script)),
                WARMUP_PAIR("SCRIPT_NAME", slash, strlen(slash)),
                WARMUP_PAIR("DOCUMENT_URI", w->uri, n_path),
                WARMUP_PAIR("REQUEST_URI", w->uri, strlen(w->uri)),
                WARMUP_PAIR("QUERY_STRING", w->query, strlen(w->query)),
        };
        uint8_t *block, *p;
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                n += fcgi_params_encoded_size(pairs[i].n_name, pairs[i].n_value);
        p = block = malloc(n + 1); /* an index wants that one */
        for (size_t i = 0; p && i < ELEMENTSOF(pairs); i++)
                if (pairs[i].n_value > 0 || pairs[i].name[0] != 'H') /* HTTPS is on, or not there */
                        p += fcgi_params_encode(p, &pairs[i]);
        *ret_n = block ? (size_t)(p - block) : 0;
        return block;
}

/* In words why the reply is none to be proud of; the caller's; NULL: it is. */
static char *warmup_problem(const struct sapi_result *r) {
        _cleanup_text_ struct text t = { 0 };
        char *problem = NULL;

        if (!warmup.ran)
                text_printf(&t, "its script was not run (status %" PRIu32 ")", r->http_status);
        else if (r->exit_status == WARMUP_FATAL)
                text_append(&t, warmup.last ?: "it has ended with a fatal error");
        else if (r->http_status >= 500)
                text_printf(&t, "status %" PRIu32 "%s%s", r->http_status, warmup.last ? ": " : "", warmup.last ?: "");
        else if (r->worker_must_end)
                text_append(&t, "exit() or a fatal error has ended its process");
        else
                return NULL;
        for (char *p = t.data; p && *p; p++)
                if (*p == '\n')
                        *p = ' ';
        if (text_finish(&t, &problem, NULL) < 0)
                problem = strdup("out of memory");
        return problem;
}

void sapi_warmup_run(const char *script, const char *address, struct sapi_warmup_end *ret) {
        _cleanup_free_ uint8_t *params = NULL;
        _cleanup_(fcgi_index_done) struct fcgi_index index = { 0 };
        struct sapi_result result = { 0 };
        struct conf_warmup w;
        size_t n_params = 0;

        *ret = (struct sapi_warmup_end){ .fit = true };
        if (conf_warmup_parse(address, &w))
                params = warmup_encode(script, &w, &n_params);
        if (!params || fcgi_index_read(&index, params, n_params) != 0) {
                ret->problem = strdup("out of memory");
                return;
        }
        warmup.io = sapi_bootio;
        warmup.io.write_reply = warmup_drop;
        warmup.io.executing = warmup_note_begin;
        warmup.io.finish = warmup_note_end;
        warmup.ran = false;
        sapi_request_run(&(struct sapi_request){ .io = &warmup.io,
                                                 .role = FCGI_RESPONDER,
                                                 .params = &index,
                                                 .cpu_nsec = time_read_nsec(CLOCK_PROCESS_CPUTIME_ID) },
                         &result);
        ret->fit = !result.worker_must_end;
        ret->abandoned = result.abandoned;
        ret->exit_status = result.exit_status;
        ret->problem = warmup_problem(&result);
        ret->http_status = result.http_status;
        ret->location = TAKE_PTR(warmup.location);
        free(TAKE_PTR(warmup.last));
}

void sapi_warmup_begin(uint64_t timeout) {
        sapi_limit_begin_boot(timeout);
}

void sapi_warmup_over(void) {
        sapi_limit_end_boot();
}
