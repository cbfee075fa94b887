/* SPDX-License-Identifier: MIT */

#include "conf/warmup.h"

#include <string.h>

#include "base/text.h"

#define WARMUP_HOST "localhost"

bool conf_warmup_parse(const char *text, struct conf_warmup *ret) {
        const char *host = text_has_prefix(text, "http://")    ? text + strlen("http://")
                           : text_has_prefix(text, "https://") ? text + strlen("https://")
                                                               : NULL;
        const char *mark;

        *ret = (struct conf_warmup){ .host = WARMUP_HOST, .n_host = strlen(WARMUP_HOST), .uri = text };
        if (host) {
                ret->tls = text[strlen("http")] == 's';
                ret->host = host;
                ret->n_host = strcspn(host, "/?");
                ret->uri = host + ret->n_host;
        }
        mark = strchr(ret->uri, '?');
        ret->query = mark ? mark + 1 : "";
        return ret->uri[0] == '/' && ret->n_host > 0;
}

/* A request needs a script, and one is enough. */
void conf_warmup_check(const struct conf_check *k, const struct conf_pool *pool) {
        for (size_t i = 0; i < pool->warmups.n; i++) {
                const struct conf_pair *w = &pool->warmups.items[i];

                if (!pool->worker_script == (w->key[0] != '\0'))
                        continue;
                text_printf(k->problems, "[%s:%u] directive 'worker.warmup': ", w->where.file, w->where.line);
                if (pool->worker_script)
                        text_printf(k->problems, "the script is worker.script's: write worker.warmup[] = %s\n",
                                    w->value);
                else
                        text_printf(k->problems,
                                    "without worker.script it needs one: write worker.warmup[/SCRIPT] = %s\n",
                                    w->value);
        }
}
