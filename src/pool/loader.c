/* SPDX-License-Identifier: MIT */
/*
 * It is the master's own program, and takes two forks for an order, so its answer is waited for. When it does not come,
 * the loader is given up until the next reload.
 */

#include "pool/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "base/time.h"
#include "ipc/channel.h"
#include "log/log.h"
#include "pool/spawn.h"

#define LOADER_PATIENCE (2 * USEC_PER_SEC)
#define LOADER_END_MS   1000

void loader_init(struct loader *l, const struct pool_env *env) {
        *l = (struct loader){ .env = env, .pidfd = -1, .fd = -1 };
}

/* It has nothing to finish, and one that is stopped would not see the end of its socket. Nobody waits for it: the
 * master reaps it as a stranger. */
static void loader_kill(const struct loader *l) {
        if (l->pidfd >= 0)
                syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
}

static void loader_end(struct loader *l) {
        loader_kill(l);
        l->fd = fd_close(l->fd);
        l->pidfd = fd_close(l->pidfd);
        l->is_up = false;
}

void loader_renew(struct loader *l, bool wanted) {
        loader_end(l);
        l->wanted = wanted;
}

void loader_done(struct loader *l) {
        struct pollfd p = { .events = POLLIN };
        int status;

        loader_kill(l);
        p.fd = TAKE_FD(l->pidfd);
        loader_renew(l, false);
        if (p.fd >= 0 && poll(&p, 1, LOADER_END_MS) > 0)
                (void)process_reap(p.fd, &status);
        fd_close(p.fd);
}

/* It must not come to what it has been told when it runs again. */
static void loader_give_up(struct loader *l, int r) {
        log_warning(
                "the process that loads PHP's libraries for all pools is of no use (%s): until the next reload each "
                "pool loads them itself",
                strerror(-r));
        loader_renew(l, false);
}

static int loader_start(struct loader *l) {
        _cleanup_fd_ int own = -1, theirs = -1;
        int ends[2], r;

        r = channel_pair(ends);
        if (r < 0)
                return r;
        own = ends[0];
        theirs = ends[1];
        r = spawn_loader(l->env, theirs, &l->pidfd);
        if (r == 0)
                l->fd = TAKE_FD(own);
        return r;
}

/* It says so once it has loaded everything. */
static bool loader_is_up(struct loader *l) {
        struct order_answer hello;
        int r;

        if (!l->wanted || l->n_zygotes == 0)
                return false;
        if (l->is_up)
                return true;
        if (l->pidfd < 0) {
                r = loader_start(l);
        } else {
                r = order_receive_answer(l->fd, &hello);
                l->is_up = r == 0;
        }
        if (r < 0 && r != -EAGAIN)
                loader_give_up(l, r);
        return l->is_up;
}

static int loader_await(const struct loader *l, struct order_answer *ret) {
        struct pollfd p = { .fd = l->fd, .events = POLLIN };
        usec_t until = time_now() + LOADER_PATIENCE;
        int r;

        do
                r = poll(&p, 1, time_left_msec(time_now(), until));
        while (r < 0 && errno == EINTR);
        if (r == 0)
                return -ETIMEDOUT;
        return r < 0 ? -errno : order_receive_answer(l->fd, ret);
}

pid_t loader_fork_zygote(struct loader *l, struct order *order, const int *fds, size_t n, int *ret_gate) {
        _cleanup_fd_ int gate_read = -1, gate = -1;
        struct order_answer answer;
        struct order_fds all = { .n = n };
        int ends[2], r;

        if (n > ORDER_FDS_MAX || !loader_is_up(l) || pipe2(ends, O_CLOEXEC) < 0)
                return 0;
        all.gate = gate_read = ends[0];
        gate = ends[1];
        memcpy(all.fds, fds, n * sizeof(*fds));
        r = order_send(l->fd, order, &all);
        if (r == 0)
                r = loader_await(l, &answer);
        if (r < 0) {
                loader_give_up(l, r);
                return 0;
        }
        if (answer.error < 0)
                return 0; /* two processes at once it cannot have; the master tries with one */
        *ret_gate = TAKE_FD(gate);
        return answer.pid;
}

void loader_count_zygote(struct loader *l) {
        l->n_zygotes++;
}

void loader_forget_zygote(struct loader *l) {
        l->n_zygotes--;
        if (l->n_zygotes == 0)
                loader_end(l);
}
