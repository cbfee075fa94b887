/* SPDX-License-Identifier: MIT */
#include "master/absent.h"

#include <errno.h>
#include <string.h>

#include "conf/conf.h"
#include "log/log.h"
#include "units/advice.h"

struct absent_leaving {
        struct conf *conf;
        bool (*are)(void *ctx, const struct conf_pool *pool);
        void *ctx;
        bool failed;
};

static bool absent_stays(void *ctx, const struct conf_pool *pool) {
        struct absent_leaving *k = ctx;
        _cleanup_text_ struct text line = {};

        if (!k->are(k->ctx, pool))
                return true;
        text_printf(&line,
                    "[%s:%u] directive 'listen': the pool '%s' (listen = %s) has no socket from the service manager, "
                    "and is not served: ",
                    pool->listen_where.file, pool->listen_where.line, pool->name, pool->listen);
        advice_put_absent(pool->name, "this service", &line);
        k->failed = k->failed || line.failed || conf_add_absent(k->conf, pool->name, text_peek(&line)) < 0;
        return false;
}

int absent_leave(struct conf *c, bool (*are)(void *ctx, const struct conf_pool *pool), void *ctx) {
        struct absent_leaving k = { .conf = c, .are = are, .ctx = ctx };

        conf_keep_pools(c, absent_stays, &k);
        return k.failed ? -ENOMEM : 0;
}

struct absent_again {
        const struct conf *running;
        const char *names;
};

static bool absent_is_again(void *ctx, const struct conf_pool *pool) {
        const struct absent_again *k = ctx;
        const char *names = k->names, *name;
        size_t n;

        while ((name = text_word(&names, "\n", &n)))
                if (strlen(pool->name) == n && memcmp(pool->name, name, n) == 0)
                        return false;
        return conf_is_absent(k->running, pool->name);
}

int absent_leave_again(struct conf *c, const struct conf *running, const char *names) {
        struct absent_again k = { running, names };

        return running->absent ? absent_leave(c, absent_is_again, &k) : 0;
}

void absent_log(const struct conf *c) {
        for (char *const *line = c->absent_lines; line && *line; line++)
                log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING, .message = *line });
}
