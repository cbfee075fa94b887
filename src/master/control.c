/* SPDX-License-Identifier: MIT */
/*
 * The control socket: fpmctl's door. Root and the service's user and group may open its file, and ask for
 * the status and for reloads. A client that breaks the protocol or does not read loses its connection; nobody waits for
 * it.
 */

#include "master/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/program.h"
#include "base/text.h"
#include "base/trusted.h"
#include "ipc/exchange.h"
#include "log/log.h"

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
        uint64_t ticket;        /* that one's; of who waits */
};

static void control_client_free(struct control_client *c) {
        sd_event_source_disable_unref(c->source);
        ipc_exchange_queue_done(&c->queue);
        nowait_close(c->fd);
        free(c);
}

static void control_drop(struct control_client *c) {
        for (struct control_client **link = &c->master->control.clients; *link; link = &(*link)->next)
                if (*link == c) {
                        *link = c->next;
                        break;
                }
        control_client_free(c);
}

/* Sends what is queued. False when the client is lost: it has been dropped. */
static bool control_flush(struct control_client *c) {
        int r = ipc_exchange_queue_flush(&c->queue, c->fd);

        if (r >= 0) /* a client that does not read is not read from */
                r = sd_event_source_set_io_events(c->source, r == IPC_EXCHANGE_E_FULL ? EPOLLOUT : EPOLLIN);
        if (r < 0)
                control_drop(c);
        return r >= 0;
}

int control_add(struct control_client *c, const struct ipc_control_message *message) {
        return ipc_exchange_queue_add(&c->queue, message);
}

int control_add_text(struct control_client *c, enum ipc_control_type type, const char *text) {
        return control_add(c, &(struct ipc_control_message){ .type = type, .result = { .text = text } });
}

uint64_t control_wait(struct control_client *c) {
        if (c->wait != CONTROL_IDLE)
                return 0;
        c->wait = CONTROL_WAITS_FOR_NEXT;
        c->ticket = ++c->master->control.last_ticket;
        return c->ticket;
}

static bool control_is_known(const struct master *m, const struct control_client *client) {
        for (const struct control_client *c = m->control.clients; c; c = c->next)
                if (c == client)
                        return true;
        return false;
}

/* With it may come descriptors, which are of no use here. */
static int control_receive(int fd, struct ipc_control_message *ret) {
        _cleanup_nowait_ struct nowait nowait;
        int r;

        (void)nowait_begin(&nowait);
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
                r = master->control.handle(master, c, &m);
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

        for (const struct control_client *c = m->control.clients; c; c = c->next)
                n++;
        return n;
}

/* Out of descriptors or memory: the connection stays in the queue, and the listener is looked at again at the next
 * tick. */
static int control_pause(struct master *m) {
        return sd_event_source_set_enabled(m->control.source, SD_EVENT_OFF);
}

void control_resume(struct master *m) {
        if (m->control.source)
                sd_event_source_set_enabled(m->control.source, SD_EVENT_ON);
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
        c->next = m->control.clients;
        m->control.clients = c;
        return 0;
}

void control_reload_begun(struct master *m) {
        for (struct control_client *c = m->control.clients; c; c = c->next)
                if (c->wait == CONTROL_WAITS_FOR_NEXT)
                        c->wait = CONTROL_WAITS;
}

/* Its wait is over. */
static void control_answer(struct control_client *c, bool done, const char *text) {
        c->wait = CONTROL_IDLE;
        if (control_add_text(c, done ? IPC_CONTROL_DONE : IPC_CONTROL_REFUSED, text) < 0)
                control_drop(c);
        else
                control_flush(c);
}

static void control_answer_all(struct master *m, enum control_wait wait, bool done, const char *text) {
        struct control_client *next;

        for (struct control_client *c = m->control.clients; c; c = next) {
                next = c->next;
                if (c->wait == wait)
                        control_answer(c, done, text);
        }
}

void control_reload_forgone(struct master *m, const char *text) {
        control_answer_all(m, CONTROL_WAITS_FOR_NEXT, false, text);
}

void control_reload_denied(struct master *m, uint64_t ticket, const char *text) {
        for (struct control_client *c = m->control.clients; c; c = c->next)
                if (c->wait == CONTROL_WAITS && c->ticket == ticket) {
                        control_answer(c, false, text);
                        return;
                }
}

void control_reload_ended(struct master *m, bool done, const char *text) {
        control_answer_all(m, CONTROL_WAITS, done, text);
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

int control_attach(struct master *m, control_handler_t handler) {
        _cleanup_free_ char *dir = NULL;
        int r;

        m->control.handle = handler;
        if (control_directory(m, &dir) < 0)
                return 0;
        if (asprintf(&m->control.path, "%s/%s", dir, IPC_CONTROL_SOCKET) < 0) {
                m->control.path = NULL;
                return -ENOMEM;
        }
        r = ipc_exchange_listen(m->control.path, CONTROL_MODE);
        if (r < 0) {
                log_printf(control_warning_level(m), "no control socket, so fpmctl cannot reach this master: '%s': %s",
                           m->control.path, strerror(-r));
                free(TAKE_PTR(m->control.path));
                return 0;
        }
        m->control.fd = r;
        r = sd_event_add_io(m->event, &m->control.source, m->control.fd, EPOLLIN, control_on_connection, m);
        if (r >= 0)
                sd_event_source_set_description(m->control.source, "control-listener");
        return r;
}

void control_detach(struct master *m) {
        while (m->control.clients)
                control_drop(m->control.clients);
        sd_event_source_disable_unref(m->control.source);
        if (m->control.path)
                (void)trusted_unlink(m->control.path);
        nowait_close(m->control.fd);
        free(m->control.path);
}
