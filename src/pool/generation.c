/* SPDX-License-Identifier: MIT */
/*
 * One generation: a zygote process, the socket pair to it, and the lifeline, a pipe whose read end every worker
 * watches. Closing the write ends is the order to drain: it reaches workers of a zygote that has died too.
 */

#include "pool/generation.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "conf/conf.h"
#include "ipc/message.h"
#include "log/log.h"
#include "pool/access.h"
#include "pool/backlog.h"
#include "pool/news.h"
#include "pool/output.h"

void generation_free(struct generation *g) {
        if (!g)
                return;
        sd_event_source_disable_unref(g->zygote.ipc_source);
        sd_event_source_disable_unref(g->zygote.exit_source);
        backlog_end(g);
        nowait_close(g->zygote.ipc);
        fd_close(g->lifeline);
        fd_close(g->slow_log.fd);
        log_out_change(&g->slow_log, -1);
        output_done(&g->output);
        fd_close(g->zygote.pidfd);
        conf_free(g->settings);
        free(g->packed);
        free(g->reason);
        free(g->php.version);
        free(g->php.ini_files);
        free(g->php.remarks);
        free(g);
}

bool generation_is_gone(const struct generation *g) {
        return g->zygote.pid == 0 && g->n_workers == 0 && output_is_over(g);
}

static void generation_tell(struct generation *g, enum ipc_type type) {
        if (g->zygote.ipc >= 0 && g->zygote.pid > 0)
                ipc_message_send_at_once(g->zygote.ipc, &(struct ipc_message){ .type = type },
                                         NULL); /* a zygote that is gone needs no telling */
}

void generation_drain(struct generation *g, usec_t now) {
        if (g->drain.begun)
                return;
        g->drain.begun = true;
        g->drain.since = now;
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
        r = access_open(g->conf, &access_fd);
        if (r < 0)
                return r;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        read_end = ends[0];
        write_end = ends[1];
        r = ipc_message_send_at_once(g->zygote.ipc, &m,
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
        if (g->drain.step == TIMEOUTS_WAITING) {
                g->drain.step = TIMEOUTS_TERMINATED;
                g->drain.since = time_now();
        }
        generation_tell(g, IPC_STOP);
        if (g->zygote.pidfd >= 0 && !g->zygote.ready) /* it may be deep in PHP's start-up and read no messages */
                syscall(SYS_pidfd_send_signal, g->zygote.pidfd, SIGKILL, NULL, 0);
        generation_signal(g, SIGTERM);
}

/* A script that boots may take any time and looks at no lifeline, so without one that has booted nobody is waited for.
 */
static bool generation_may_serve(const struct generation *g) {
        return g->zygote.ready && (!g->conf->worker_script || g->n_accepting > 0);
}

void generation_give_up(struct generation *g, usec_t now) {
        if (!generation_may_serve(g)) {
                generation_end(g);
                return;
        }
        news_of_drain(g);
        generation_drain(g, now);
}

void generation_signal(const struct generation *g, int sig) {
        struct pool *p = g->pool;

        for (uint32_t i = p->n_used; i-- > 0;) { /* the youngest first, as with php-fpm */
                struct pool_worker *w = &p->workers[i];

                if (w->state <= WORKER_ASKED || w->generation != g)
                        continue;
                w->killed |= sig == SIGKILL;
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
