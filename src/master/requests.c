/* SPDX-License-Identifier: MIT */
/* See requests.h. */

#include "master/requests.h"

#include <errno.h>
#include <unistd.h>

#include "base/text.h"
#include "log/log.h"
#include "master/batches.h"
#include "master/listen.h"
#include "master/master.h"
#include "master/notify.h"
#include "master/pools.h"
#include "master/spare.h"
#include "pool/health.h"
#include "scoreboard/leaks.h"

static uint64_t requests_state(const struct master *m) {
        static const uint64_t states[] = {
                [STATE_STARTING] = IPC_CONTROL_STATE_STARTING,   [STATE_RUNNING] = IPC_CONTROL_STATE_RUNNING,
                [STATE_RELOADING] = IPC_CONTROL_STATE_RELOADING, [STATE_RENEWING] = IPC_CONTROL_STATE_RELOADING,
                [STATE_STOPPING] = IPC_CONTROL_STATE_STOPPING,
        };

        return states[m->state];
}

static int requests_add_service(const struct master *m, struct control_client *c) {
        _cleanup_text_ struct text progress = {};
        _cleanup_free_ char **spare = NULL;
        struct ipc_control_message answer = {
                .type = IPC_CONTROL_SERVICE,
                .service = {
                        .version = FPMD_VERSION,
                        .master_pid = (uint64_t)getpid(),
                        .state = requests_state(m),
                        .uptime = time_now() - m->started,
                        .config_path = m->options->conf_path,
                        .reload_outcome = m->reload.outcome,
                        .reload_text = m->reload.text,
                        .reload_wall = m->reload.wall,
                        .config_files = { .items = m->conf->files },
                        .absent = { .items = m->conf->absent_lines },
                },
        };

        batches_describe(m, &progress);
        answer.service.reload_progress = text_peek(&progress);
        spare = spare_names(&m->inherited, &answer.service.spare.n);
        if (!spare)
                return -ENOMEM;
        answer.service.spare.items = spare;
        while (m->conf->files && m->conf->files[answer.service.config_files.n])
                answer.service.config_files.n++;
        while (m->conf->absent_lines && m->conf->absent_lines[answer.service.absent.n])
                answer.service.absent.n++;
        return control_add(c, &answer);
}

static uint64_t requests_life(const struct generation *g) {
        if (g->asleep)
                return IPC_CONTROL_LIFE_ASLEEP;
        switch (g->state) {
        case GENERATION_STARTING:
                return IPC_CONTROL_LIFE_STARTING;
        case GENERATION_ACCEPTING:
                return IPC_CONTROL_LIFE_ACCEPTING;
        default:
                return IPC_CONTROL_LIFE_DRAINING;
        }
}

static int requests_add_pool(struct control_client *c, const struct master_pool *mp) {
        struct ipc_control_message answer = {
                .type = IPC_CONTROL_POOL,
                .pool = { .name = mp->pool->name,
                          .park_pid = (uint64_t)parks_pid(&mp->pool->parks),
                          .failed_starts = mp->pool->starts.n_failed,
                          .problem = mp->pool->starts.problem,
                          .scoreboard_fd = mp->pool->scoreboard_fd },
        };
        struct ipc_control_pool *pool = &answer.pool;
        char **names = listen_set_names(mp->listeners);
        _cleanup_text_ struct text health = {};
        int r;

        if (!names)
                return -ENOMEM;
        health_describe(mp->pool, &health);
        pool->ready = health_is_ready(health_state(mp->pool));
        pool->health = text_peek(&health);
        pool->listen = (struct ipc_control_list){ .items = names, .n = mp->listeners->n };
        for (const struct generation *g = mp->pool->generations; g && pool->n_generations < IPC_CONTROL_GENERATIONS_MAX;
             g = g->next) {
                if (generation_is_gone(g) && g != mp->pool->starting && !(g->asleep && g == mp->pool->current))
                        continue; /* kept for its settings alone */
                pool->generations[pool->n_generations++] = (struct ipc_control_generation){
                        .number = g->number,
                        .zygote_pid = (uint64_t)g->zygote.pid,
                        .life = requests_life(g),
                        .n_workers = g->n_workers,
                        .php_version = g->php.version,
                        .ini_files = g->php.ini_files,
                        .remarks = g->php.remarks,
                };
        }
        r = control_add(c, &answer);
        listen_set_free_names(names);
        return r;
}

static int requests_answer_status(const struct master *m, struct control_client *c) {
        int r = requests_add_service(m, c);

        for (size_t i = 0; i < m->n_pools && r >= 0; i++)
                r = requests_add_pool(c, m->pools[i]);
        if (r >= 0)
                r = control_add(c, &(struct ipc_control_message){ .type = IPC_CONTROL_END });
        return r;
}

static int requests_reload(struct master *m, struct control_client *c, const struct ipc_control_request *request) {
        _cleanup_text_ struct text names = {};
        uint64_t ticket;

        if (master_is_stopping(m))
                return control_add_text(c, IPC_CONTROL_REFUSED, "the service is stopping");
        for (size_t i = 0; i < request->pools.n; i++)
                text_printf(&names, "%s\n", request->pools.items[i]);
        if (names.failed)
                return -ENOMEM;
        ticket = control_wait(c);
        if (ticket == 0)
                return control_add_text(c, IPC_CONTROL_REFUSED, "a reload of yours is under way");
        if (request->changed && request->pools.n == 0)
                master_reload_changed(m);
        else
                master_reload(m, text_peek(&names), ticket); /* each may end at once, and answer */
        return 0;
}

/* How many pools that are: one may be named twice. */
static size_t requests_count_pools(const struct master *m, const struct ipc_control_list *names) {
        size_t n = names->n > 0 ? 0 : m->n_pools;

        for (size_t i = 0; i < names->n; i++) {
                size_t first = 0;

                while (!text_equal(names->items[first], names->items[i]))
                        first++;
                n += first == i;
        }
        return n;
}

/* Nothing else changes in the pools: who asks whether to send them requests is told. */
static int requests_drain(struct master *m, struct control_client *c, const struct ipc_control_list *names,
                          bool drained) {
        _cleanup_text_ struct text text = {};
        size_t n;

        if (master_is_stopping(m) && !drained)
                return control_add_text(c, IPC_CONTROL_REFUSED, "the service is stopping");
        for (size_t i = 0; i < names->n; i++)
                if (!pools_find(m, names->items[i])) {
                        text_printf(&text, "the service has no pool '%s'", names->items[i]);
                        return control_add_text(c, IPC_CONTROL_REFUSED, text_peek(&text));
                }
        for (size_t i = 0; i < names->n; i++)
                health_set_drained(pools_find(m, names->items[i])->pool, drained);
        for (size_t i = 0; names->n == 0 && i < m->n_pools; i++)
                health_set_drained(m->pools[i]->pool, drained);
        notify_status(m, time_now());
        n = requests_count_pools(m, names);
        text_printf(&text, "%zu pool%s %s", n, n == 1 ? "" : "s", drained ? "drained" : "undrained");
        return control_add_text(c, IPC_CONTROL_DONE, text_peek(&text));
}

/* Why no request of it can be examined, or NULL. */
static const char *requests_no_leaks(const struct master_pool *mp, const struct ipc_control_request *request) {
        const struct generation *g = mp ? picture_settings(mp->pool) : NULL;
        const struct conf_pool *settings = g ? g->conf : NULL;

        if (!settings)
                return mp ? "it is stopping" : "the service has no such pool";
        if (!settings->worker_script)
                return "its pool has no worker.script: PHP drops all that a request has made";
        if (settings->worker_requests == 1)
                return "its pool has worker.requests = 1: each process ends with its request";
        return request->requests == 0 || request->requests > UINT32_MAX ? "there is no such number of requests" : NULL;
}

/* Any worker of the pool takes them. */
static int requests_leaks(struct master *m, struct control_client *c, const struct ipc_control_request *request) {
        struct master_pool *mp = request->pools.n == 1 ? pools_find(m, request->pools.items[0]) : NULL;
        const char *problem = requests_no_leaks(mp, request);

        if (problem)
                return control_add_text(c, IPC_CONTROL_REFUSED, problem);
        leaks_want(mp->pool->scoreboard, (uint32_t)request->requests);
        log_notice("[pool %s] its next %u requests are examined for what they leave behind", mp->pool->name,
                   (unsigned)request->requests);
        return control_add_text(c, IPC_CONTROL_DONE, "requests are examined from now on");
}

int requests_handle(struct master *m, struct control_client *c, const struct ipc_control_message *message) {
        switch (message->type) {
        case IPC_CONTROL_STATUS:
                return requests_answer_status(m, c);
        case IPC_CONTROL_RELOAD:
                return requests_reload(m, c, &message->request);
        case IPC_CONTROL_DRAIN:
        case IPC_CONTROL_UNDRAIN:
                return requests_drain(m, c, &message->request.pools, message->type == IPC_CONTROL_DRAIN);
        case IPC_CONTROL_LEAKS:
                return requests_leaks(m, c, &message->request);
        default:
                return control_add_text(c, IPC_CONTROL_REFUSED, "this request is unknown");
        }
}
