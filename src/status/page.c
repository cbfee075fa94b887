/* SPDX-License-Identifier: MIT */
/*
 * Ping and status, for workers and for the master's own socket. The request's SCRIPT_NAME chooses the page, as web
 * servers set it for a location with no file behind it, and names in its query the form: "full&json".
 *
 * The header block is php-fpm's to the byte: its order, and "Content-type" where PHP has added a charset to the type.
 */

#include "status/page.h"

#include <string.h>

#include "fcgi/params.h"
#include "status/html.h"
#include "status/json.h"
#include "status/openmetrics.h"
#include "status/snapshot.h"
#include "status/text.h"
#include "status/xml.h"

static void page_plain(const struct status_snapshot *s, _unused_ bool full, struct text *out) {
        status_text_render(s, out);
}

#define PAGE_PLAIN "Content-type: text/plain;charset=UTF-8\r\n"
#define PAGE_NO_CACHE                                                                                                  \
        "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n"                                                                   \
        "Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n"

/* The first name that the query has decides, in php-fpm's order. */
static const struct page_form {
        const char *word;
        const char *type;
        void (*render)(const struct status_snapshot *s, bool full, struct text *out);
} page_forms[] = {
        { "html", "Content-type: text/html;charset=UTF-8\r\n", status_html_render },
        { "xml", "Content-type: text/xml;charset=UTF-8\r\n", status_xml_render },
        { "json", "Content-Type: application/json\r\n", status_json_render },
        { "openmetrics", "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n",
          status_openmetrics_render },
        { NULL, PAGE_PLAIN, page_plain },
};

static bool page_param_is(const struct status_page *p, const char *name, const char *value) {
        struct fcgi_pair pair;

        return value && fcgi_params_find(p->params, p->n_params, name, &pair) && pair.n_value == strlen(value) &&
               memcmp(pair.value, value, pair.n_value) == 0;
}

static unsigned page_hex(char c) {
        return c >= '0' && c <= '9'                     ? (unsigned)(c - '0')
               : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (unsigned)((c | 0x20) - 'a' + 10)
                                                        : 16;
}

/* The next character of a query's name, decoded; 0 where the name ends for PHP: "full", "full=1" and "full[]" are all
 * called so. */
static char page_name_next(const char **s, const char *end) {
        const char *p = *s;

        if (p == end || *p == '=' || *p == '[')
                return 0;
        if (*p == '%' && end - p > 2 && page_hex(p[1]) < 16 && page_hex(p[2]) < 16) {
                *s += 3;
                return (char)(page_hex(p[1]) << 4 | page_hex(p[2]));
        }
        *s += 1;
        return *p == '+' ? ' ' : *p;
}

static bool page_name_is(const char *s, const char *end, const char *word) {
        char c;

        do
                c = page_name_next(&s, end);
        while (c == ' ');
        for (; *word && c == *word; word++)
                c = page_name_next(&s, end);
        return *word == '\0' && (c == '\0' || c == '[');
}

/* Whether the query has a variable of that name, whatever its value. */
static bool page_query_has(const struct status_page *p, const char *word) {
        struct fcgi_pair pair;

        if (!fcgi_params_find(p->params, p->n_params, "QUERY_STRING", &pair))
                return false;
        for (const char *s = pair.value, *end = s + pair.n_value; s < end;) {
                const char *amp = memchr(s, '&', (size_t)(end - s)) ?: end;

                if (page_name_is(s, amp, word))
                        return true;
                s = amp + (amp < end);
        }
        return false;
}

static const struct page_form *page_form(const struct status_page *p) {
        const struct page_form *f = page_forms;

        while (f->word && !page_query_has(p, f->word))
                f++;
        return f;
}

/* What PHP sends in front of all others. */
static void page_powered_by(const struct status_page *p, struct text *ret) {
        if (p->php_version)
                text_printf(ret, "X-Powered-By: PHP/%s\r\n", p->php_version);
}

static void page_body(const struct status_page *p, const char *body, size_t n, struct text *ret) {
        text_append(ret, "\r\n");
        if (!page_param_is(p, "REQUEST_METHOD", "HEAD"))
                text_append_n(ret, body, n);
}

/* headers: two groups of them. */
static void page_reply(const struct status_page *p, const char *headers[static 2], const struct text *body,
                       struct text *ret) {
        if (body->failed) {
                text_append(ret, "Status: 500 Internal Server Error\r\n\r\n");
                return;
        }
        page_powered_by(p, ret);
        text_append(ret, headers[0]);
        text_append(ret, headers[1]);
        page_body(p, text_peek(body), body->n, ret);
}

/* No script runs, but who reads the page knows no other state of a worker that works. */
static void page_show_self(const struct status_page *p, struct status_snapshot *s) {
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (p->self > 0 && s->workers[i].pid == p->self)
                        s->workers[i].stage = STAGE_EXECUTING;
}

static void page_status(const struct status_page *p, struct text *ret) {
        _cleanup_snapshot_ struct status_snapshot snapshot = {};
        _cleanup_text_ struct text body = {};
        const struct page_form *form = page_form(p);
        bool full = page_query_has(p, "full");
        unsigned flags = full ? STATUS_SNAPSHOT_WORKERS : 0U;
        usec_t now = time_now();
        int r;

        if (p->at_once)
                r = status_snapshot_take_at_once(p->scoreboard, p->n_slots, now, flags, &snapshot);
        else
                r = status_snapshot_take(p->scoreboard, now, flags, &snapshot);
        if (r < 0)
                body.failed = true;
        else {
                page_show_self(p, &snapshot);
                form->render(&snapshot, full, &body);
        }
        page_reply(p, (const char *[]){ PAGE_NO_CACHE, form->type }, &body, ret);
}

bool status_page_is(const struct status_page *p, const char *path) {
        return page_param_is(p, "SCRIPT_NAME", path);
}

void status_page_plain(const struct status_page *p, const char *status, const struct text *body, struct text *ret) {
        _cleanup_text_ struct text first = {};

        if (status)
                text_printf(&first, "Status: %s\r\n", status);
        text_append(&first, PAGE_PLAIN);
        page_reply(p, (const char *[]){ text_peek(&first), PAGE_NO_CACHE }, body, ret);
}

bool status_page_answer(const struct status_page *p, struct text *ret) {
        if (page_param_is(p, "SCRIPT_NAME", p->pool->ping_path)) {
                _cleanup_text_ struct text body = {};

                text_append(&body, p->pool->ping_response);
                page_reply(p, (const char *[]){ PAGE_PLAIN, PAGE_NO_CACHE }, &body, ret);
                return true;
        }
        if (page_param_is(p, "SCRIPT_NAME", p->pool->status_path)) {
                page_status(p, ret);
                return true;
        }
        return false;
}

void status_page_not_found(const struct status_page *p, struct text *ret) {
        static const char body[] = "File not found.\n";

        text_append(ret, "Status: 404 Not Found\r\n");
        page_powered_by(p, ret);
        text_append(ret, "Content-type: text/html; charset=UTF-8\r\n");
        page_body(p, body, sizeof(body) - 1, ret);
}
