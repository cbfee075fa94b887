/* SPDX-License-Identifier: MIT */
/*
 * worker.warmup[] where every request is a script's of its own: what stays of one is in opcache, which all workers
 * share. So a process that is forked as a worker is makes them, before there is a worker, and ends. The zygote waits
 * for it, and is told nothing by it but why it has failed.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/log.h"
#include "sapi/sapi.h"
#include "worker/setup.h"
#include "worker/warmup.h"
#include "zygote/expendable.h"
#include "zygote/zygote.h"

/* No worker has one yet. */
#define WARM_SLOT 0

/* For PHP's limit, which can say where it was. */
#define WARM_KILL_DELAY (5 * USEC_PER_SEC)

#define WARM_E_TOLD 1 /* to end */
#define WARM_E_LATE 2

static void warm_do_nothing(void) {
}

/* In the child, which has none of the zygote's sockets: zygote_on_copy(). */
_noreturn_ static void warm_serve(const struct zygote *z, int report) {
        struct warmup w;

        warmup_init(&w, z->pool, boot_refuses_cold(z), false);
        expendable_after_fork();
        setrlimit(RLIMIT_NOFILE, &z->files);
        if (setup_process(&(struct worker_setup){ .pool = z->pool, .stdout_fd = -1, .stderr_fd = -1 }, -1,
                          warm_do_nothing, warm_do_nothing) < 0)
                _exit(EXIT_FAILURE);
        sapi_module_worker_begin(WARM_SLOT);
        sapi_warmup_begin(z->pool->worker_boot_timeout);
        while (!w.over)
                warmup_next(&w);
        if (w.reason[0])
                (void)!write(report, w.reason, strlen(w.reason));
        if (!w.abandoned)
                sapi_module_worker_end();
        _exit(EXIT_SUCCESS);
}

static bool warm_is_told_to_end(const struct zygote *z) {
        struct signalfd_siginfo info;

        while (read(z->signal_fd, &info, sizeof(info)) == sizeof(info))
                if (info.ssi_signo != SIGCHLD)
                        return true;
        return false;
}

/* 0: it has ended; WARM_E_TOLD; WARM_E_LATE; -errno. */
static int warm_wait(const struct zygote *z, int pidfd, usec_t until) {
        for (;;) {
                struct pollfd p[] = { { .fd = pidfd, .events = POLLIN },
                                      { .fd = z->signal_fd, .events = POLLIN },
                                      { .fd = z->ipc } }; /* that the master is gone */
                int n = poll(p, ELEMENTSOF(p), time_left_msec(time_now(), until));

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return WARM_E_LATE;
                if (p[0].revents)
                        return 0;
                if (p[2].revents || (p[1].revents && warm_is_told_to_end(z)))
                        return WARM_E_TOLD;
        }
}

/* What went wrong, in words; nothing: nothing did. */
static void warm_describe(int outcome, int status, int report, char ret[static WARMUP_REASON_MAX]) {
        ssize_t n = outcome == 0 ? read(report, ret, WARMUP_REASON_MAX - 1) : 0;

        ret[MAX(n, 0)] = '\0';
        if (outcome == WARM_E_LATE)
                snprintf(ret, WARMUP_REASON_MAX, "worker.warmup[]: a request has no answer within worker.boot_timeout");
        else if (outcome < 0)
                snprintf(ret, WARMUP_REASON_MAX, "worker.warmup[]: %s", strerror(-outcome));
        else if (n <= 0 && outcome == 0 && WIFSIGNALED(status))
                snprintf(ret, WARMUP_REASON_MAX, "worker.warmup[]: its process was ended by signal %d",
                         WTERMSIG(status));
        else if (n <= 0 && outcome == 0 && status != 0)
                snprintf(ret, WARMUP_REASON_MAX, "worker.warmup[]: its process has ended with status %d",
                         WEXITSTATUS(status));
}

/* 0; -ECANCELED: the zygote is to end. */
static int warm_end(struct zygote *z, int outcome, int status, int report) {
        char why[WARMUP_REASON_MAX];

        sapi_module_worker_gone(WARM_SLOT);
        if (outcome == WARM_E_TOLD)
                return -ECANCELED;
        warm_describe(outcome, status, report, why);
        if (!why[0])
                return 0;
        if (!boot_refuses_cold(z)) {
                log_warning("%s", why);
                return 0;
        }
        spawn_tell_failed(z, why);
        return -ECANCELED;
}

int warm_run(struct zygote *z) {
        _cleanup_fd_ int read_end = -1, write_end = -1, pidfd = -1;
        int ends[2], outcome, status = 0;
        pid_t pid;

        if (z->pool->warmups.n == 0)
                return 0;
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        read_end = ends[0];
        write_end = ends[1];
        expendable_begin();
        pid = fork();
        if (pid == 0)
                warm_serve(z, write_end);
        expendable_end();
        if (pid < 0)
                return -errno;
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        outcome = pidfd < 0 ? -errno : warm_wait(z, pidfd, time_now() + z->pool->worker_boot_timeout + WARM_KILL_DELAY);
        if (outcome != 0)
                kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return warm_end(z, outcome, status, read_end);
}
