/* SPDX-License-Identifier: MIT */
/*
 * Ping and status, answered from the scoreboard by whichever worker gets the request, as php-fpm does; the request's SCRIPT_NAME
 * chooses, as web servers set it for a location with no file behind it.
 */

#include "worker/pages.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "fcgi/params.h"
#include "status/json.h"
#include "status/snapshot.h"
#include "status/text.h"

static bool pages_param_is(const struct transport *t, const char *name, const char *value) {
        struct fcgi_pair pair;

        return value && fcgi_params_find(t->decoder.params, t->decoder.n_params, name, &pair) &&
               pair.n_value == strlen(value) && memcmp(pair.value, value, pair.n_value) == 0;
}

/* The query is a list of words here: "full&json". */
static bool pages_query_has(const struct transport *t, const char *word) {
        struct fcgi_pair pair;
        size_t n = strlen(word);

        if (!fcgi_params_find(t->decoder.params, t->decoder.n_params, "QUERY_STRING", &pair))
                return false;
        for (const char *p = pair.value, *end = p + pair.n_value; p < end;) {
                const char *amp = memchr(p, '&', (size_t)(end - p));
                size_t k = (size_t)((amp ? amp : end) - p);

                if (k == n && memcmp(p, word, n) == 0)
                        return true;
                p += k + 1;
        }
        return false;
}

static void pages_send(struct transport *t, const char *type, const struct text *body) {
        _cleanup_text_ struct text head = {};

        text_append(&head, "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                           "Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n");
        text_printf(&head, "Content-Type: %s\r\n\r\n", type);
        if (!pages_param_is(t, "REQUEST_METHOD", "HEAD"))
                text_append_n(&head, text_peek(body), body->n);
        if (head.failed || body->failed)
                text_done(&head), text_append(&head, "Status: 500 Internal Server Error\r\n\r\n");
        transport_write(t, text_peek(&head), head.n);
}

static void pages_status(struct transport *t, const struct scoreboard *scoreboard) {
        _cleanup_snapshot_ struct status_snapshot snapshot = {};
        _cleanup_text_ struct text body = {};
        bool full = pages_query_has(t, "full"), json = pages_query_has(t, "json");

        if (status_snapshot_take(scoreboard, time_now(), full ? STATUS_SNAPSHOT_WORKERS : 0, &snapshot) < 0)
                body.failed = true;
        else if (json)
                status_json_render(&snapshot, full, &body);
        else
                status_text_render(&snapshot, &body);
        pages_send(t, json ? "application/json" : "text/plain;charset=UTF-8", &body);
}

bool pages_answer(struct transport *t, const struct conf_pool *pool, const struct scoreboard *scoreboard) {
        if (pages_param_is(t, "SCRIPT_NAME", pool->ping_path)) {
                _cleanup_text_ struct text body = {};

                text_append(&body, pool->ping_response);
                pages_send(t, "text/plain;charset=UTF-8", &body);
                return true;
        }
        if (pages_param_is(t, "SCRIPT_NAME", pool->status_path)) {
                pages_status(t, scoreboard);
                return true;
        }
        return false;
}
