/* SPDX-License-Identifier: MIT */

#include "worker/warmup.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"
#include "sapi/sapi.h"

void warmup_init(struct warmup *w, const struct conf_pool *pool, bool refuses, bool cold) {
        *w = (struct warmup){ .pool = pool, .refuses = refuses, .over = cold || pool->warmups.n == 0 };
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
        log_warning("%s", w->reason);
        w->reason[0] = '\0';
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
        free(end.problem);
}

void warmup_note_end(struct warmup *w) {
        if (!w->reason[0] && w->n_done > 0)
                warmup_describe(w, &w->pool->warmups.items[w->n_done - 1],
                                "worker.script has ended after it, and is not there for the next request");
}
