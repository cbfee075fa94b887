/* SPDX-License-Identifier: MIT */
/* Without chaos one request is encoded once and sent again and again; with it each is made when its turn comes. */

#include "workload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"

#define EXPECTED_MAX (256U << 20)
#define FORM_MAX     (1U << 20)

void load_workload_done(struct load_workload *w) {
        free(w->request);
        free(w->expected);
        free(w->noise);
        free(w->filler);
}

static uint8_t *workload_make_noise(size_t n) {
        uint64_t state = 0;
        uint8_t *p = malloc(MAX(n, (size_t)1));

        for (size_t i = 0; p && i < n; i++)
                p[i] = (uint8_t)load_chaos_random(&state);
        return p;
}

static uint8_t *workload_make_filler(size_t n) {
        static const uint8_t digits[] = "0123456789abcdef";
        uint8_t *p = malloc(n);

        for (size_t i = 0; p && i < n; i++)
                p[i] = digits[i % 16];
        return p;
}

static struct load_request workload_describe(const struct load_workload *w, bool keep) {
        const struct load_options *o = w->options;

        return (struct load_request){
                .protocol = o->http ? LOAD_PROTOCOL_HTTP : LOAD_PROTOCOL_FASTCGI,
                .keep = keep,
                .method = o->method,
                .script = o->script,
                .query = o->query,
                .uri = o->uri,
                .cookie = o->cookie,
                .type = o->form ? "application/x-www-form-urlencoded" : "application/octet-stream",
                .body = w->noise,
                .n_body = w->n_body,
        };
}

/* What bodies are made of. 0 or -errno. */
static int workload_init_body(struct load_workload *w) {
        const struct load_options *o = w->options;
        char *form;
        int r;

        if (o->form) {
                r = fd_read_file(o->form, FORM_MAX, &form, &w->n_body);
                if (r == 0)
                        w->noise = (uint8_t *)form;
                return r;
        }
        w->n_body = o->n_body;
        w->noise = workload_make_noise(o->chaos ? LOAD_CHAOS_BODY_MAX : o->n_body);
        return w->noise ? 0 : -ENOMEM;
}

static int workload_init_expect(struct load_workload *w) {
        const struct load_options *o = w->options;
        size_t n;
        int r;

        w->expect = (struct load_expect){ .status = (unsigned)o->expect_status,
                                          .any_length = !o->expect_file && o->expect_length == LOAD_LENGTH_ANY,
                                          .any_bytes = !o->expect_file,
                                          .n = { o->expect_length } };
        if (!o->expect_file)
                return 0;
        r = fd_read_file(o->expect_file, EXPECTED_MAX, &w->expected, &n);
        w->expect.data[0] = (const uint8_t *)w->expected;
        w->expect.n[0] = n;
        return r;
}

int load_workload_init(struct load_workload *w, const struct load_options *options) {
        struct load_request q;
        int r;

        w->options = options;
        r = workload_init_expect(w);
        if (r < 0)
                return r;
        r = workload_init_body(w);
        if (r < 0)
                return r;
        if (options->chaos) {
                w->filler = workload_make_filler(LOAD_CHAOS_FILLER_MAX);
                return w->filler ? 0 : -ENOMEM;
        }
        q = workload_describe(w, options->keep);
        return load_request_encode(&q, &w->request, &w->n_request);
}

/* Cuts the request where its client gives it up. */
static void workload_cut(const struct load_plan *p, uint8_t *bytes, size_t *n) {
        size_t at = *n * p->abort_per_mille / 1000;

        if (p->abort == LOAD_ABORT_CLOSE)
                *n = at;
        if (p->abort != LOAD_ABORT_RECORD)
                return;
        /* Not before BEGIN_REQUEST has been sent, and there is room: the two empty records at the end are as long. */
        at = load_chaos_boundary(bytes, *n - FCGI_HEADER_SIZE, MAX(at, (size_t)(FCGI_HEADER_SIZE + FCGI_BODY_SIZE)));
        fcgi_record_encode_header(bytes + at,
                                  &(struct fcgi_header){ .type = FCGI_ABORT_REQUEST, .request_id = LOAD_REQUEST_ID });
        *n = at + FCGI_HEADER_SIZE;
}

static int workload_next_chaotic(const struct load_workload *w, uint64_t number, uint8_t **own, struct load_job *ret) {
        struct load_job job = { .number = number };
        struct load_request q;
        uint8_t *bytes;
        char query[32];
        int r;

        load_chaos_plan(w->options->seed, number, &job.plan);
        snprintf(query, sizeof(query), "n=%zu", job.plan.n_filler);
        q = workload_describe(w, job.plan.keep);
        q.query = query;
        q.n_body = job.plan.n_body;
        q.body = w->noise + number % (LOAD_CHAOS_BODY_MAX - q.n_body + 1);
        q.method = q.n_body > 0 ? "POST" : "GET";
        r = load_request_encode(&q, &bytes, &job.n);
        if (r < 0)
                return r;
        free(*own);
        *own = bytes;
        workload_cut(&job.plan, bytes, &job.n);
        job.bytes = bytes;
        job.keep = job.plan.keep;
        job.expect = (struct load_expect){ .status = (unsigned)w->options->expect_status,
                                           .data = { q.body, w->filler },
                                           .n = { q.n_body, job.plan.n_filler } };
        if (job.plan.abort == LOAD_ABORT_RECORD) /* PHP takes what has come of the body for all of it */
                job.expect.n[0] = load_chaos_body(bytes, job.n);
        *ret = job;
        return 0;
}

int load_workload_next(const struct load_workload *w, uint64_t number, uint8_t **own, struct load_job *ret) {
        if (w->options->chaos)
                return workload_next_chaotic(w, number, own, ret);
        *ret = (struct load_job){
                .number = number, .bytes = w->request, .n = w->n_request, .keep = w->options->keep, .expect = w->expect
        };
        return 0;
}
