/* SPDX-License-Identifier: MIT */
/*
 * One generation: a zygote process, the socket pair to it, and the lifeline, a pipe whose read end every worker
 * watches. Closing the write ends is the order to drain: it reaches workers of a zygote that has died too.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/shortage.h"
#include "base/text.h"
#include "conf/load.h"
#include "conf/pack.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "log/log.h"
#include "pool/backlog.h"
#include "pool/news.h"
#include "pool/overtime.h"
#include "pool/pool.h"
#include "pool/replace.h"
#include "pool/scale.h"
#include "pool/supervise.h"

DEFINE_CLEANUP(struct generation *, generation_free)

static int generation_watch(struct generation *g) {
        sd_event *event = g->pool->env->event;
        int r;

        r = sd_event_add_io(event, &g->ipc_source, g->ipc, EPOLLIN, messages_on_readable, g);
        if (r < 0)
                return r;
        sd_event_source_set_description(g->ipc_source, "zygote-messages");
        r = sd_event_add_io(event, &g->zygote_source, g->zygote_pidfd, EPOLLIN, replace_on_zygote_exit, g);
        if (r < 0)
                return r;
        sd_event_source_set_description(g->zygote_source, "zygote-exit");
        /* a zygote's last messages are read before its end is dealt with */
        return sd_event_source_set_priority(g->zygote_source, SD_EVENT_PRIORITY_NORMAL + 10);
}

static int generation_copy_settings(struct generation *g, const char *packed, size_t n) {
        _cleanup_text_ struct text problems = {};
        int r;

        g->packed = malloc(n + 1);
        if (!g->packed)
                return -ENOMEM;
        memcpy(g->packed, packed, n);
        g->n_packed = n;
        r = conf_pack_take(packed, n, &g->settings, &problems);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        g->conf = &g->settings->pools[0];
        return 0;
}

/* Its process and what it talks over. */
static int generation_launch(struct generation *g) {
        _cleanup_fd_ int ipc_child = -1, lifeline_read = -1;
        int ends[2], r;

        r = channel_pair(ends);
        if (r < 0)
                return r;
        g->ipc = ends[0];
        ipc_child = ends[1];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        lifeline_read = ends[0];
        g->lifeline = ends[1];

        r = zygote_process_start(g, ipc_child, lifeline_read);
        if (r < 0)
                return r;
        r = generation_watch(g);
        if (r >= 0)
                return 0;
        g->ipc_source = sd_event_source_disable_unref(g->ipc_source);
        g->zygote_source = sd_event_source_disable_unref(g->zygote_source);
        kill(g->zygote_pid, SIGKILL);
        g->zygote_pid = 0; /* a stranger, which the master reaps */
        return r;
}

int generation_start(struct pool *p, const char *packed, size_t n_packed, const struct pool_listeners *listeners,
                     struct generation **ret) {
        _cleanup_(generation_freep) struct generation *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;
        g->pool = p;
        g->listeners = *listeners;
        g->number = ++p->last_generation;
        g->state = GENERATION_STARTING;
        g->started = time_now();
        g->ipc = g->lifeline = g->zygote_pidfd = g->backlog_fd = -1;
        g->slow_log = (struct log_out){ .fd = -1,
                                        .kind = LOG_KIND_SLOW,
                                        .lost = &p->scoreboard->header.logs_lost[LOG_KIND_SLOW] };
        output_init(&g->output);
        r = generation_copy_settings(g, packed, n_packed);
        if (r < 0)
                return r;
        g->n_first = scale_first(g->conf, p->current);
        g->scale = scale_begin(g->conf);
        g->backlog_stale = true;

        r = overtime_open_log(g);
        if (r == 0)
                r = generation_launch(g);
        if (r < 0 && !shortage_is(r))
                return r;
        if (r < 0) { /* as any other start that fails: it is tried again, or a reload refused */
                char why[SHORTAGE_TEXT_MAX], text[SHORTAGE_TEXT_MAX + 64];

                snprintf(text, sizeof(text), "cannot start its zygote: %s", shortage_describe(r, why));
                generation_fail(g, text);
        }
        log_debug("[pool %s] generation %u: zygote %d started", p->name, g->number, g->zygote_pid);
        *ret = TAKE_PTR(g);
        return 0;
}

void generation_free(struct generation *g) {
        if (!g)
                return;
        sd_event_source_disable_unref(g->ipc_source);
        sd_event_source_disable_unref(g->zygote_source);
        backlog_end(g);
        nowait_close(g->ipc);
        fd_close(g->lifeline);
        fd_close(g->slow_log.fd);
        log_out_change(&g->slow_log, -1);
        output_done(&g->output);
        fd_close(g->zygote_pidfd);
        conf_free(g->settings);
        free(g->packed);
        free(g->reason);
        free(g->php_version);
        free(g->ini_files);
        free(g);
}

bool generation_is_gone(const struct generation *g) {
        return g->zygote_pid == 0 && g->n_workers == 0 && output_is_over(g);
}

static void generation_tell(struct generation *g, enum ipc_type type) {
        if (g->ipc >= 0 && g->zygote_pid > 0)
                ipc_message_send_at_once(g->ipc, &(struct ipc_message){ .type = type },
                                         NULL); /* a zygote that is gone needs no telling */
}

void generation_drain(struct generation *g, usec_t now) {
        if (g->draining)
                return;
        g->draining = true;
        g->drain_since = now;
        backlog_end(g);
        if (g->state != GENERATION_FAILED)
                g->state = GENERATION_ENDING;
        g->lifeline = fd_close(g->lifeline);
        generation_tell(g, IPC_DRAIN);
}

int generation_renew(struct generation *g) {
        struct ipc_message m = { .type = IPC_RENEW };
        _cleanup_fd_ int read_end = -1, write_end = -1, access_fd = -1, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        int log_fd = g->pool->env->log_fd, ends[2], r;

        if (null < 0)
                return -errno;
        r = pool_access_open(g->conf, &access_fd);
        if (r < 0)
                return r;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        read_end = ends[0];
        write_end = ends[1];
        r = ipc_message_send_at_once(g->ipc, &m,
                                     (int[IPC_FDS_MAX]){ log_fd >= 0 ? log_fd : null, access_fd >= 0 ? access_fd : null,
                                                         read_end, write_end });
        if (r < 0)
                return r;
        fd_close(g->lifeline);
        g->lifeline = TAKE_FD(write_end);
        return 0;
}

void generation_end(struct generation *g) {
        generation_drain(g, time_now());
        if (g->drain_step == TIMEOUTS_WAITING) {
                g->drain_step = TIMEOUTS_TERMINATED;
                g->drain_since = time_now();
        }
        generation_tell(g, IPC_STOP);
        if (g->zygote_pidfd >= 0 && !g->ready) /* it may be deep in PHP's start-up and read no messages */
                syscall(SYS_pidfd_send_signal, g->zygote_pidfd, SIGKILL, NULL, 0);
        generation_signal(g, SIGTERM);
}

void generation_signal(const struct generation *g, int sig) {
        const struct pool *p = g->pool;

        for (uint32_t i = p->n_used; i-- > 0;) { /* the youngest first, as with php-fpm */
                const struct pool_worker *w = &p->workers[i];

                if (w->state <= WORKER_ASKED || w->generation != g)
                        continue;
                news_of_signal(w, sig);
                syscall(SYS_pidfd_send_signal, w->pidfd, sig, NULL, 0);
        }
}

void generation_fail(struct generation *g, const char *reason) {
        if (g->state != GENERATION_STARTING)
                return;
        g->state = GENERATION_FAILED;
        free(g->reason);
        g->reason = strdup(reason); /* NULL when out of memory: readers cope */
}
