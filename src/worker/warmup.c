/* SPDX-License-Identifier: MIT */

#include "worker/warmup.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log/log.h"
#include "sapi/sapi.h"

void warmup_init(struct warmup *w, const struct conf_pool *pool, bool refuses, bool cold) {
        *w = (struct warmup){ .pool = pool, .refuses = refuses, .over = cold || pool->warmups.n == 0 };
}

/* The workers of a generation ask the same, and one of them tells. */
static bool *warmup_told;

void warmup_share(const struct conf_pool *pool) {
        size_t n = MAX(pool->warmups.n, (size_t)1) * sizeof(*warmup_told);
        void *shared = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (shared != MAP_FAILED)
                warmup_told = shared;
}

static bool warmup_is_told(const struct warmup *w, const struct conf_pair *line) {
        return warmup_told && __atomic_exchange_n(&warmup_told[line - w->pool->warmups.items], true, __ATOMIC_RELAXED);
}

/* As its line in the configuration. */
static void warmup_describe(struct warmup *w, const struct conf_pair *line, const char *problem) {
        snprintf(w->reason, sizeof(w->reason), "worker.warmup[%s] = %s: %s", line->key, line->value, problem);
}

static void warmup_fail(struct warmup *w, const struct conf_pair *line, const struct sapi_warmup_end *end) {
        warmup_describe(w, line, end->problem);
        if (w->refuses || !end->fit) {
                w->over = true;
                return;
        }
        if (!warmup_is_told(w, line))
                log_warning("%s", w->reason);
        w->reason[0] = '\0';
}

/* A reply that is one, and warms little. */
static void warmup_remark(const struct warmup *w, const struct conf_pair *line, const struct sapi_warmup_end *end) {
        if (end->http_status < 300 || warmup_is_told(w, line))
                return;
        if (end->http_status < 400)
                log_notice(
                        "worker.warmup[%s] = %s: status %u%s%s: what is behind a redirect is not warmed up, only what "
                        "makes it: name the address that it leads to",
                        line->key, line->value, (unsigned)end->http_status, end->location ? ", to " : "",
                        end->location ?: "");
        else
                log_warning("worker.warmup[%s] = %s: status %u: what makes the error page is warmed up, and nothing "
                            "else",
                            line->key, line->value, (unsigned)end->http_status);
}

void warmup_next(struct warmup *w) {
        const struct conf_pair *line = &w->pool->warmups.items[w->n_done];
        pid_t self = getpid();
        struct sapi_warmup_end end;

        sapi_warmup_run(w->pool->worker_script ?: line->key, line->value, &end);
        if (getpid() != self)
                _exit((int)end.exit_status);
        w->over = ++w->n_done == w->pool->warmups.n;
        w->abandoned = end.abandoned;
        if (end.problem)
                warmup_fail(w, line, &end);
        else
                warmup_remark(w, line, &end);
        free(end.problem);
        free(end.location);
}

void warmup_note_end(struct warmup *w) {
        if (!w->reason[0] && w->n_done > 0)
                warmup_describe(w, &w->pool->warmups.items[w->n_done - 1],
                                "worker.script has ended after it, and is not there for the next request");
}
