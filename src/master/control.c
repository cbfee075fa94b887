/* SPDX-License-Identifier: MIT */
/*
 * The control socket: fpmctl's door. Whoever may open the socket file (root, the service's user and group) may ask for
 * the status and for reloads. A client that breaks the protocol or does not read loses its connection; nobody waits for
 * it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nudge.h"
#include "base/program.h"
#include "base/text.h"
#include "base/trusted.h"
#include "log/log.h"
#include "master/master.h"

#define CONTROL_CLIENTS_MAX 64
#define CONTROL_MODE        0660

enum control_wait { CONTROL_IDLE, CONTROL_WAITS_FOR_NEXT, CONTROL_WAITS };

struct control_client {
        struct control_client *next;
        struct master *master;
        int fd;
        sd_event_source *source;
        struct ipc_exchange_queue queue;
        enum control_wait wait; /* for the reload under way, or for the one after it */
};

static void control_client_free(struct control_client *c) {
        sd_event_source_disable_unref(c->source);
        ipc_exchange_queue_done(&c->queue);
        nudge_close(c->fd);
        free(c);
}

static void control_drop(struct control_client *c) {
        for (struct control_client **link = &c->master->clients; *link; link = &(*link)->next)
                if (*link == c) {
                        *link = c->next;
                        break;
                }
        control_client_free(c);
}

/* Sends what is queued. False when the client is lost: it has been dropped. */
static bool control_flush(struct control_client *c) {
        int r = ipc_exchange_queue_flush(&c->queue, c->fd);

        if (r >= 0) /* who does not read is not read from */
                r = sd_event_source_set_io_events(c->source, r == IPC_EXCHANGE_E_FULL ? EPOLLOUT : EPOLLIN);
        if (r < 0)
                control_drop(c);
        return r >= 0;
}

static uint64_t control_state(const struct master *m) {
        static const uint64_t states[] = {
                [MASTER_STARTING] = IPC_CONTROL_STATE_STARTING,
                [MASTER_RUNNING] = IPC_CONTROL_STATE_RUNNING,
                [MASTER_RELOADING] = IPC_CONTROL_STATE_RELOADING,
                [MASTER_STOPPING] = IPC_CONTROL_STATE_STOPPING,
        };

        return states[m->state];
}

static int control_add_service(struct control_client *c) {
        const struct master *m = c->master;
        struct ipc_control_message answer = {
                .type = IPC_CONTROL_SERVICE,
                .service = {
                        .version = FPMD_VERSION,
                        .master_pid = (uint64_t)getpid(),
                        .state = control_state(m),
                        .uptime = time_now() - m->started,
                        .config_path = m->options->conf_path,
                        .reload_outcome = m->reload_outcome,
                        .reload_text = m->reload_text,
                        .reload_wall = m->reload_wall,
                        .config_files = { .items = m->conf->files },
                },
        };

        while (m->conf->files && m->conf->files[answer.service.config_files.n])
                answer.service.config_files.n++;
        return ipc_exchange_queue_add(&c->queue, &answer);
}

static uint64_t control_life(const struct generation *g) {
        switch (g->state) {
        case GENERATION_STARTING:
                return IPC_CONTROL_LIFE_STARTING;
        case GENERATION_ACCEPTING:
                return IPC_CONTROL_LIFE_ACCEPTING;
        default:
                return IPC_CONTROL_LIFE_DRAINING;
        }
}

static int control_add_pool(struct control_client *c, const struct master_pool *mp) {
        struct ipc_control_message answer = {
                .type = IPC_CONTROL_POOL,
                .pool = { .name = mp->pool->name,
                          .park_pid = (uint64_t)parks_pid(&mp->pool->parks),
                          .failed_starts = mp->pool->n_failed_starts,
                          .problem = mp->pool->problem,
                          .scoreboard_fd = mp->pool->scoreboard_fd },
        };
        struct ipc_control_pool *pool = &answer.pool;
        char **names = listen_names(mp->listeners);
        int r;

        if (!names)
                return -ENOMEM;
        pool->listen = (struct ipc_control_list){ .items = names, .n = mp->listeners->n };
        for (const struct generation *g = mp->pool->generations; g && pool->n_generations < IPC_CONTROL_GENERATIONS_MAX;
             g = g->next) {
                if (generation_is_gone(g))
                        continue; /* kept for its settings alone */
                pool->generations[pool->n_generations++] = (struct ipc_control_generation){
                        .number = g->number,
                        .zygote_pid = (uint64_t)g->zygote_pid,
                        .life = control_life(g),
                        .n_workers = g->n_workers,
                        .php_version = g->php_version,
                        .ini_files = g->ini_files,
                };
        }
        r = ipc_exchange_queue_add(&c->queue, &answer);
        listen_free_names(names);
        return r;
}

static int control_answer_status(struct control_client *c) {
        int r = control_add_service(c);

        for (size_t i = 0; i < c->master->n_pools && r >= 0; i++)
                r = control_add_pool(c, c->master->pools[i]);
        if (r >= 0)
                r = ipc_exchange_queue_add(&c->queue, &(struct ipc_control_message){ .type = IPC_CONTROL_END });
        return r;
}

static int control_answer(struct control_client *c, enum ipc_control_type type, const char *text) {
        struct ipc_control_message answer = { .type = type, .result = { .text = text } };

        return ipc_exchange_queue_add(&c->queue, &answer);
}

static int control_on_reload_request(struct control_client *c, const struct ipc_control_request *request) {
        _cleanup_text_ struct text names = {};
        struct master *m = c->master;

        if (m->state == MASTER_STOPPING)
                return control_answer(c, IPC_CONTROL_REFUSED, "the service is stopping");
        for (size_t i = 0; i < request->pools.n; i++)
                text_printf(&names, "%s\n", request->pools.items[i]);
        if (names.failed)
                return -ENOMEM;
        c->wait = CONTROL_WAITS_FOR_NEXT;
        if (request->changed && request->pools.n == 0)
                reload_request_changed(m);
        else
                reload_request(m, text_peek(&names)); /* each may end at once, and answer */
        return 0;
}

static int control_dispatch(struct control_client *c, const struct ipc_control_message *m) {
        switch (m->type) {
        case IPC_CONTROL_STATUS:
                return control_answer_status(c);
        case IPC_CONTROL_RELOAD:
                return c->wait == CONTROL_IDLE
                               ? control_on_reload_request(c, &m->request)
                               : control_answer(c, IPC_CONTROL_REFUSED, "a reload of yours is under way");
        default:
                return control_answer(c, IPC_CONTROL_REFUSED, "this request is unknown");
        }
}

static bool control_is_known(const struct master *m, const struct control_client *client) {
        for (const struct control_client *c = m->clients; c; c = c->next)
                if (c == client)
                        return true;
        return false;
}

/* With it may come descriptors, which are of no use here. */
static int control_receive(int fd, struct ipc_control_message *ret) {
        _cleanup_nudge_ struct nudge nudge;
        int r;

        (void)nudge_begin(&nudge);
        r = ipc_exchange_receive(fd, ret);
        if (r == 0 && ret->type == IPC_CONTROL_POOL)
                ret->pool.scoreboard_fd = fd_close(ret->pool.scoreboard_fd);
        return r;
}

static int control_on_client(_unused_ sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct control_client *c = userdata;
        struct master *master = c->master;
        _cleanup_control_message_ struct ipc_control_message m = {};
        int r;

        if ((revents & EPOLLOUT) && !control_flush(c))
                return 0;
        if (!(revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                return 0;
        r = control_receive(fd, &m);
        if (r == -EAGAIN)
                return 0;
        if (r == 0)
                r = control_dispatch(c, &m);
        if (!control_is_known(master, c))
                return 0; /* a reload that ended at once has answered it, and found it gone */
        if (r == -EPROTO || r == -EPROTONOSUPPORT || r == -EMSGSIZE)
                log_warning("control client sent a request that does not read: %s", strerror(-r));
        if (r != 0)
                control_drop(c);
        else
                control_flush(c);
        return 0;
}

static size_t control_n_clients(const struct master *m) {
        size_t n = 0;

        for (const struct control_client *c = m->clients; c; c = c->next)
                n++;
        return n;
}

/* Out of descriptors or memory: the connection stays in the queue, and the listener is looked at again at the next
 * tick. */
static int control_pause(struct master *m) {
        return sd_event_source_set_enabled(m->control_source, SD_EVENT_OFF);
}

void control_resume(struct master *m) {
        if (m->control_source)
                sd_event_source_set_enabled(m->control_source, SD_EVENT_ON);
}

static int control_on_connection(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct master *m = userdata;
        struct control_client *c;
        int r;

        c = calloc(1, sizeof(*c));
        if (!c)
                return control_pause(m);
        c->master = m;
        c->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (c->fd < 0 && errno != EAGAIN && errno != ECONNABORTED) {
                control_client_free(c);
                return control_pause(m);
        }
        if (c->fd < 0 || control_n_clients(m) >= CONTROL_CLIENTS_MAX) {
                control_client_free(c);
                return 0;
        }
        r = sd_event_add_io(m->event, &c->source, c->fd, EPOLLIN, control_on_client, c);
        if (r < 0) {
                control_client_free(c);
                return 0;
        }
        sd_event_source_set_description(c->source, "control-client");
        c->next = m->clients;
        m->clients = c;
        return 0;
}

void control_reload_begun(struct master *m) {
        for (struct control_client *c = m->clients; c; c = c->next)
                if (c->wait == CONTROL_WAITS_FOR_NEXT)
                        c->wait = CONTROL_WAITS;
}

void control_reload_ended(struct master *m, bool done, const char *text) {
        struct control_client *next;

        for (struct control_client *c = m->clients; c; c = next) {
                next = c->next;
                if (c->wait != CONTROL_WAITS)
                        continue;
                c->wait = CONTROL_IDLE;
                if (control_answer(c, done ? IPC_CONTROL_DONE : IPC_CONTROL_REFUSED, text) < 0)
                        control_drop(c);
                else
                        control_flush(c);
        }
}

/* Under php-fpm's name nobody expects a control socket, unless a place for it was given. */
static enum log_level control_warning_level(const struct master *m) {
        bool expected = !program_is_php_fpm() || m->options->runtime_dir || getenv("RUNTIME_DIRECTORY");

        return expected ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG;
}

static int control_make_directory(const char *path) {
        const char *name;
        _cleanup_fd_ int folder = trusted_open_folder(path, &name);

        if (folder < 0)
                return folder;
        return mkdirat(folder, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* The runtime directory: the option's, systemd's, or the usual one. */
static int control_directory(const struct master *m, char **ret) {
        const char *env = getenv("RUNTIME_DIRECTORY");
        char *dir;
        int r;

        if (m->options->runtime_dir)
                dir = strdup(m->options->runtime_dir);
        else
                dir = env && *env ? strndup(env, strcspn(env, ":")) : strdup("/run/fpmd");
        if (!dir)
                return -ENOMEM;
        for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/';)
                dir[--n] = '\0';
        r = control_make_directory(dir);
        if (r < 0) {
                log_printf(control_warning_level(m),
                           "no control socket, so fpmctl cannot reach this master: cannot make the directory '%s': %s",
                           dir, strerror(-r));
                free(dir);
                return r;
        }
        *ret = dir;
        return 0;
}

int control_attach(struct master *m) {
        _cleanup_free_ char *dir = NULL;
        int r;

        m->control_fd = -1;
        if (control_directory(m, &dir) < 0)
                return 0;
        if (asprintf(&m->control_path, "%s/%s", dir, IPC_CONTROL_SOCKET) < 0) {
                m->control_path = NULL;
                return -ENOMEM;
        }
        r = ipc_exchange_listen(m->control_path, CONTROL_MODE);
        if (r < 0) {
                log_printf(control_warning_level(m), "no control socket, so fpmctl cannot reach this master: '%s': %s",
                           m->control_path, strerror(-r));
                free(TAKE_PTR(m->control_path));
                return 0;
        }
        m->control_fd = r;
        r = sd_event_add_io(m->event, &m->control_source, m->control_fd, EPOLLIN, control_on_connection, m);
        if (r >= 0)
                sd_event_source_set_description(m->control_source, "control-listener");
        return r;
}

void control_detach(struct master *m) {
        while (m->clients)
                control_drop(m->clients);
        sd_event_source_disable_unref(m->control_source);
        if (m->control_path)
                (void)trusted_unlink(m->control_path);
        fd_close(m->control_fd);
        free(m->control_path);
}
