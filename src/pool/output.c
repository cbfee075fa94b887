/* SPDX-License-Identifier: MIT */
/* The logger's process and its pipes; see output.h. Messages to it go at once or when it has room: it may be
 * waiting for its log. */

#include "pool/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/process.h"
#include "base/text.h"
#include "ipc/channel.h"
#include "ipc/inherit.h"
#include "ipc/message.h"
#include "ipc/signals.h"
#include "log/log.h"
#include "pool/picture.h"
#include "pool/scale.h"
#include "pool/spawn.h"
#include "pool/timeouts.h"

/* Pipes of workers that have ended and somebody else still has; of more than that a dead logger's successor gets none.
 */
#define OUTPUT_ENDED_MAX 64U

/* The same of those that the logger has had no room for, as it does not read: the master's descriptors are for all
 * pools. */
#define OUTPUT_WAITING_MAX 256U

/* Descriptors are refused since others of the same user have too many on their way; nothing tells when that is over. */
#define OUTPUT_REFS_PAUSE (100 * USEC_PER_MSEC)

/* How long the last of it may take beyond log_timeout: a reader may be slow. */
#define OUTPUT_FINISH_TIME (20 * USEC_PER_SEC)

/* Loggers that may die young, one after the other, until the last of it is given up. */
#define OUTPUT_FINISH_TRIES 3U

void output_init(struct output *o) {
        *o = (struct output){ .pidfd = -1, .orders = -1, .give_at = USEC_INFINITY };
}

static void output_forget_logger(struct output *o) {
        o->exit_source = sd_event_source_disable_unref(o->exit_source);
        o->room_source = sd_event_source_disable_unref(o->room_source);
        o->pidfd = fd_close(o->pidfd);
        o->orders = nowait_close(o->orders);
        o->pid = 0;
        o->told_to_finish = false;
}

static void output_drop(struct output *o, struct output_pipes **link) {
        struct output_pipes *p = *link;

        *link = p->next;
        fd_close(p->fds[0]);
        fd_close(p->fds[1]);
        free(p);
}

void output_done(struct output *o) {
        if (o->pid > 0)
                syscall(SYS_pidfd_send_signal, o->pidfd, SIGKILL, NULL, 0);
        output_forget_logger(o);
        while (o->pipes)
                output_drop(o, &o->pipes);
}

int output_add(struct generation *g, pid_t pid, int stdout_fd, int stderr_fd) {
        struct output *o = &g->output;
        struct output_pipes *p = calloc(1, sizeof(*p));

        if (!p) {
                fd_close(stdout_fd);
                fd_close(stderr_fd);
                return -ENOMEM;
        }
        *p = (struct output_pipes){ .next = o->pipes, .pid = pid, .fds = { stdout_fd, stderr_fd } };
        o->pipes = p;
        return 0;
}

/* Nobody can write there any more, and everything has been read. */
static bool output_is_empty(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) && !(p.revents & POLLIN);
}

static void output_prune(const struct pool *pool, struct output *o) {
        unsigned n = 0, n_waiting = 0;

        for (struct output_pipes **link = &o->pipes; *link;) {
                struct output_pipes *p = *link;

                bool empty = p->ended && output_is_empty(p->fds[0]) && output_is_empty(p->fds[1]);
                bool many = p->given ? n >= OUTPUT_ENDED_MAX : n_waiting >= OUTPUT_WAITING_MAX;

                if (p->ended && (empty || many)) {
                        if (!empty && !p->given)
                                atomic_fetch_add(&pool->scoreboard->header.logs_lost[LOG_KIND_OUTPUT], 1);
                        output_drop(o, link);
                } else {
                        n += p->ended && p->given;
                        n_waiting += p->ended && !p->given;
                        link = &p->next;
                }
        }
}

void output_worker_ended(struct generation *g, pid_t pid) {
        for (struct output_pipes *p = g->output.pipes; p; p = p->next)
                p->ended |= p->pid == pid;
        output_prune(g->pool, &g->output);
}

static void output_log_death(const struct generation *g, bool known, int status) {
        _cleanup_text_ struct text t = {};
        char how[PROCESS_EXIT_MAX];

        text_printf(&t, "logger %d %s", g->output.pid, known ? process_describe_exit(status, how) : "exited");
        text_append(&t, "; what it had read and not written is lost, and another one takes its place");
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_LOGGER_DIED,
                                       .pool = g->pool->name,
                                       .message = text_peek(&t) });
}

static int output_on_exit(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        struct output *o = &g->output;
        usec_t now = time_now();
        int status = 0;
        bool known;

        known = process_reap(o->pidfd, &status) == 0; /* else it is traced: reaped later, as a stranger */
        if (o->told_to_finish && (status == 0 || now >= o->finish_at))
                o->over = true;
        else {
                output_log_death(g, known, status);
                o->n_young_dead = scale_count_young(o->n_young_dead, now - o->started);
                o->retry_at = now + scale_delay(o->n_young_dead);
        }
        output_forget_logger(o);
        picture_changed(g->pool);
        return 0;
}

static int output_on_room(_unused_ sd_event_source *s, _unused_ int fd, uint32_t revents, void *userdata) {
        struct generation *g = userdata;

        if (revents & (EPOLLHUP | EPOLLERR)) { /* it hears no more, so another one is to take its place */
                (void)sd_event_source_set_enabled(g->output.room_source, SD_EVENT_OFF);
                syscall(SYS_pidfd_send_signal, g->output.pidfd, SIGKILL, NULL, 0);
                return 0;
        }
        picture_changed(g->pool);
        return 0;
}

_noreturn_ static void output_child(const struct generation *g, const struct identity *who, int orders, int conf_fd) {
        const struct pool *p = g->pool;
        int fds[_LOGGER_FD_MAX - INHERIT_FIRST];

        fds[LOGGER_FD_ORDERS - INHERIT_FIRST] = orders;
        fds[LOGGER_FD_CONF - INHERIT_FIRST] = conf_fd;
        fds[LOGGER_FD_SCOREBOARD - INHERIT_FIRST] = p->scoreboard_fd;
        fds[LOGGER_FD_JOURNAL - INHERIT_FIRST] = p->env->journal_fd;
        fds[LOGGER_FD_LOG - INHERIT_FIRST] = p->env->log_fd;
        spawn_helper(p, who, &(struct spawn_program){ "fpmd-logger", p->env->logger_fd, fds, (int)ELEMENTSOF(fds) });
}

static int output_watch(struct generation *g) {
        struct output *o = &g->output;
        sd_event *event = g->pool->env->event;
        int r;

        o->pidfd = (int)syscall(SYS_pidfd_open, o->pid, 0);
        if (o->pidfd < 0)
                return -errno;
        r = sd_event_add_io(event, &o->exit_source, o->pidfd, EPOLLIN, output_on_exit, g);
        if (r >= 0)
                r = sd_event_add_io(event, &o->room_source, o->orders, EPOLLOUT, output_on_room, g);
        if (r >= 0)
                r = sd_event_source_set_enabled(o->room_source, SD_EVENT_OFF);
        if (r < 0)
                return r;
        sd_event_source_set_description(o->exit_source, "logger-exit");
        sd_event_source_set_description(o->room_source, "logger-room");
        return 0;
}

static int output_start(struct generation *g, usec_t now) {
        struct output *o = &g->output;
        _cleanup_fd_ int conf_fd = -1, orders = -1;
        struct identity who;
        int ends[2], r;

        r = identity_resolve(g->conf, g->pool->env->allow_root, &who);
        if (r < 0)
                return r;
        conf_fd = fd_new_sealed("fpmd-conf", g->packed, g->n_packed);
        if (conf_fd < 0)
                return conf_fd;
        r = channel_pair(ends);
        if (r < 0)
                return r;
        o->orders = ends[0];
        orders = ends[1];
        o->started = now;
        o->pid = fork();
        if (o->pid == 0)
                output_child(g, &who, orders, conf_fd);
        r = o->pid < 0 ? -errno : output_watch(g);
        if (r < 0) {
                if (o->pid > 0)
                        kill(o->pid, SIGKILL); /* our unreaped child, and a stranger from now on */
                output_forget_logger(o);
                return r;
        }
        for (struct output_pipes *p = o->pipes; p; p = p->next)
                p->given = false;
        o->log_due = false;
        log_debug("[pool %s] logger %d started", g->pool->name, o->pid);
        return 0;
}

static int output_send_log(struct generation *g) {
        struct output *o = &g->output;
        int r = ipc_message_send_at_once(o->orders, &(struct ipc_message){ .type = IPC_LOG },
                                         (int[IPC_FDS_MAX]){ g->pool->env->log_fd });

        o->log_due = r < 0;
        return r;
}

static int output_send_pipes(const struct output *o, struct output_pipes *p) {
        int r = ipc_message_send_at_once(o->orders, &(struct ipc_message){ .type = IPC_LOGGER_OUTPUT, .pid = p->pid },
                                         (int[IPC_FDS_MAX]){ p->fds[0], p->fds[1] });

        p->given = r == 0;
        return r;
}

/* True: the logger has all that it is to have. */
static bool output_give(struct generation *g) {
        struct output *o = &g->output;
        int r = o->log_due ? output_send_log(g) : 0;

        for (struct output_pipes *p = o->pipes; p && r == 0; p = p->next)
                if (!p->given)
                        r = output_send_pipes(o, p);
        o->give_at = r == -ETOOMANYREFS ? time_now() + OUTPUT_REFS_PAUSE : USEC_INFINITY;
        (void)sd_event_source_set_enabled(o->room_source, r < 0 && r != -ETOOMANYREFS ? SD_EVENT_ON : SD_EVENT_OFF);
        return r == 0;
}

/* No worker will come or go any more. */
static bool output_may_finish(const struct generation *g) {
        const struct pool *p = g->pool;

        return g->zygote.pid == 0 && g->n_workers == 0 && g != p->current && g != p->starting && g != p->wanted;
}

/* The logger has been killed. */
static usec_t output_leave_behind(struct generation *g, usec_t now) {
        struct output *o = &g->output;

        if (now < o->killed + TIMEOUTS_LEAVE_BEHIND)
                return o->killed + TIMEOUTS_LEAVE_BEHIND;
        log_error("[pool %s] logger %d has been killed and does not go; it is left behind", g->pool->name, o->pid);
        output_forget_logger(o);
        o->over = true;
        return now; /* the one that waits for that looks again */
}

static usec_t output_finish(struct generation *g, bool has_all, usec_t now) {
        struct output *o = &g->output;

        if (o->finish_at == 0)
                o->finish_at = now + g->settings->global.log_timeout + OUTPUT_FINISH_TIME;
        if (has_all && !o->told_to_finish) {
                o->told_to_finish = true;
                syscall(SYS_pidfd_send_signal, o->pidfd, LOGGER_SIGNAL_FINISH, NULL, 0);
        }
        if (now < o->finish_at)
                return o->finish_at;
        if (o->killed > 0)
                return output_leave_behind(g, now);
        log_error("[pool %s] logger %d does not come to an end, and is killed; workers' output is lost", g->pool->name,
                  o->pid);
        syscall(SYS_pidfd_send_signal, o->pidfd, SIGKILL, NULL, 0);
        o->told_to_finish = true;
        o->killed = now;
        return now + TIMEOUTS_LEAVE_BEHIND;
}

/* No logger is there for the last of it. True: none will be. */
static bool output_gives_up(struct generation *g, usec_t now) {
        struct output *o = &g->output;

        if (!o->pipes)
                return true;
        if (o->finish_at == 0)
                o->finish_at = now + g->settings->global.log_timeout + OUTPUT_FINISH_TIME;
        if (now < o->finish_at && o->n_young_dead <= OUTPUT_FINISH_TRIES)
                return false;
        log_error("[pool %s] no logger stays for the last that workers have said; it is lost", g->pool->name);
        return true;
}

/* One that is only tried has no worker that could say anything, unless a client comes. */
static bool output_has_none(const struct generation *g) {
        return g->trial && g->n_workers == 0 && !g->output.pipes;
}

usec_t output_supervise(struct generation *g, usec_t now) {
        struct output *o = &g->output;
        bool finishes = output_may_finish(g);
        bool all;

        if (!g->conf->catch_workers_output || o->over)
                return USEC_INFINITY;
        if (!o->pid && finishes && output_gives_up(g, now)) {
                o->over = true;
                return now; /* the one that waits for that looks again */
        }
        if (!o->pid && output_has_none(g))
                return USEC_INFINITY;
        if (!o->pid && now >= o->retry_at) {
                int r = output_start(g, now);

                if (r < 0) {
                        log_error("[pool %s] cannot start a logger: %s", g->pool->name, strerror(-r));
                        o->retry_at = now + scale_delay(SCALE_YOUNG_FREE + ++o->n_young_dead);
                }
        }
        if (!o->pid)
                return finishes ? MIN(o->retry_at, o->finish_at) : o->retry_at;
        all = output_give(g);
        return MIN(o->give_at, finishes ? output_finish(g, all, now) : USEC_INFINITY);
}

bool output_is_over(const struct generation *g) {
        return !g->conf || !g->conf->catch_workers_output || g->output.over;
}

void output_renew_log(struct generation *g) {
        struct output *o = &g->output;

        o->log_due = o->pid && g->pool->env->log_fd >= 0;
        if (o->log_due)
                (void)output_give(g);
}
