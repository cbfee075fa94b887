/* SPDX-License-Identifier: MIT */
/* See pools.h. */

#include "master/pools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "conf/conf.h"
#include "log/log.h"
#include "master/defer.h"
#include "master/ownsocket.h"
#include "pool/relay.h"
#include "pool/room.h"

struct master_pool *pools_find(struct master *m, const char *name) {
        size_t i;

        return names_find(&m->by_name, name, &i) ? m->pools[i] : NULL;
}

int pools_add(struct master *m, const char *name, struct listen_set *listeners, struct master_pool **ret) {
        struct master_pool *mp, **list;
        int r;

        list = reallocarray(m->pools, m->n_pools + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        m->pools = list;
        mp = calloc(1, sizeof(*mp));
        if (!mp)
                return -ENOMEM;
        r = pool_new(&m->env, name, &mp->pool);
        if (r == 0)
                r = names_put(&m->by_name, mp->pool->name, m->n_pools);
        if (r < 0) {
                pool_free(mp->pool);
                free(mp);
                return r;
        }
        mp->listeners = listeners;
        m->pools[m->n_pools++] = mp;
        *ret = mp;
        return 0;
}

void pools_remove(struct master *m, size_t i) {
        struct master_pool *mp = m->pools[i];

        statuspage_free(mp->status);
        statuspage_free(mp->next_status);
        names_remove(&m->by_name, mp->pool->name);
        pool_free(mp->pool);
        defer_restore(mp->listeners);
        listen_set_free(mp->listeners);
        listen_set_free(mp->next_listeners);
        free(mp);
        m->pools[i] = m->pools[--m->n_pools];
        if (i < m->n_pools)
                (void)names_put(&m->by_name, m->pools[i]->pool->name, i); /* it is there */
}

int pools_open_page(struct inherited *inherited, struct master_pool *mp, const struct conf_pool *settings,
                    struct statuspage **ret, struct text *problems) {
        struct listen_set *set;
        int r = listen_open_status(inherited, settings, &set, problems);

        return r != 0 ? r : statuspage_new(mp->pool->env->event, mp->pool, set, ret);
}

static void pools_log_lines(const char *lines) {
        const char *line;
        size_t n;

        while ((line = text_word(&lines, "\n", &n)))
                log_warning("%.*s", (int)n, line);
}

const char *pools_compare_sockets(struct master *m) {
        _cleanup_text_ struct text lines = {};

        for (size_t i = 0; i < m->n_pools; i++) {
                const struct conf_pool *settings = conf_find_pool(m->conf, m->pools[i]->pool->name);

                if (settings)
                        ownsocket_compare(m->pools[i]->listeners, settings, &lines);
        }
        pools_log_lines(text_peek(&lines));
        free(m->socket_remarks);
        m->socket_remarks = lines.n > 0 ? strdup(text_peek(&lines)) : NULL;
        return m->socket_remarks ?: "";
}

bool pools_are_settled(const struct master *m) {
        for (size_t i = 0; i < m->n_pools; i++)
                if (!pool_is_settled(m->pools[i]->pool))
                        return false;
        return true;
}

bool pools_are_gone(const struct master *m) {
        for (size_t i = 0; i < m->n_pools; i++)
                if (!pool_is_gone(m->pools[i]->pool))
                        return false;
        return true;
}

bool pools_own(const struct master *m, pid_t pid) {
        for (size_t i = 0; i < m->n_pools; i++)
                if (pool_owns(m->pools[i]->pool, pid))
                        return true;
        return false;
}

void pools_ring(const struct master *m) {
        _cleanup_nowait_ struct nowait nowait;
        int r = nowait_begin(&nowait);

        if (r < 0) {
                log_error("cannot ring doorbells: %s", strerror(-r));
                return;
        }
        for (size_t i = 0; i < m->n_pools; i++)
                if (m->pools[i]->state != STATE_POOL_LEAVES)
                        relay_ring(m->pools[i]->pool);
}

void pools_apply(struct master *m, const struct conf *conf) {
        if (m->n_files == 0) /* at the start: those of workers are not among them */
                m->n_files = MAX(fd_count_open(), 0);
        m->env.files_needed = room_needed(conf) + (unsigned)m->n_files;
        loader_renew(&m->loader, conf->global.process_shared_libraries && conf->n_pools > 1);
}

/* Our own children are left to their event sources: when one of them is first in line, this is called again after it
 * has been dealt with. */
void pools_reap_strangers(const struct master *m) {
        for (;;) {
                siginfo_t info = {};

                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
                    pools_own(m, info.si_pid))
                        return;
                waitpid(info.si_pid, NULL, WNOHANG);
        }
}
