/* SPDX-License-Identifier: MIT */
/* A connection's end is seldom the fault of the request that meets it: what came before on the connection is told too.
 */

#include "retry.h"

#include <string.h>

#include "base/macros.h"

void load_retry_add(struct load_retries *retries, const struct load_retry *retry) {
        if (retries->n < LOAD_RETRIES_MAX)
                retries->first[retries->n] = *retry;
        retries->n++;
}

static const char *retry_kind(const struct load_plan *p) {
        static const char *const aborted[] = { [LOAD_ABORT_RECORD] = "aborted",
                                               [LOAD_ABORT_CLOSE] = "left",
                                               [LOAD_ABORT_CLOSE_READING] = "left reading" };

        if (p->abort != LOAD_ABORT_NONE)
                return aborted[p->abort];
        return p->pause_max > 0 ? "paused" : p->read_pause > 0 ? "read slowly" : "plain";
}

static const char *retry_end(int error) {
        const char *name = strerrorname_np(error);

        return error == 0 ? "EOF" : name ? name : "?";
}

static void retry_render_request(const char *key, const struct load_retry_request *r, struct text *out) {
        text_printf(out, "\"%s\": {\"number\": %llu, \"kind\": \"%s\", \"bytes\": %zu, \"sent\": %zu}", key,
                    (unsigned long long)r->number, retry_kind(&r->plan), r->n, r->n_sent);
}

void load_retry_render(const struct load_retries *retries, struct text *out) {
        text_append_c(out, '[');
        for (size_t i = 0; i < MIN(retries->n, (uint64_t)LOAD_RETRIES_MAX); i++) {
                const struct load_retry *r = &retries->first[i];

                text_printf(out,
                            "%s{\"at_ms\": %.3f, \"idle_ms\": %.3f, \"waited_ms\": %.3f, "
                            "\"connection\": %llu, \"carried\": %llu, \"end\": \"%s\", ",
                            i > 0 ? ", " : "", (double)r->at / 1e6, (double)r->idle / 1e6, (double)r->waited / 1e6,
                            (unsigned long long)r->connection, (unsigned long long)r->n_carried, retry_end(r->error));
                retry_render_request("request", &r->request, out);
                text_append(out, ", ");
                retry_render_request("before", &r->before, out);
                text_append_c(out, '}');
        }
        text_append_c(out, ']');
}
