/* SPDX-License-Identifier: MIT */
#include "zygote/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "base/program.h"
#include "base/title.h"
#include "child/descriptors.h"
#include "child/poolchild.h"
#include "ipc/inherit.h"

/* Its only descriptor: the way to the master. */
#define LOADER_FD INHERIT_FIRST

struct loader {
        pid_t *forked;       /* shared with the processes in between: pid or -errno */
        struct rlimit files; /* a zygote's, until it has its own */
};

/* It ends when the master does, or closes its end; what else reaches its process group is for others. */
static void loader_prepare(struct loader *l) {
        char title[64];
        sigset_t all;

        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        setpgid(0, 0);
        prctl(PR_SET_DUMPABLE, 0);
        prctl(PR_SET_NAME, "fpmd-loader");
        snprintf(title, sizeof(title), "%s: libraries of PHP, for zygotes", program_name());
        title_set(title);
        process_raise_files(RLIM_INFINITY,
                            &l->files); /* an order's descriptors are there twice while they are arranged */
        l->forked = mmap(NULL, sizeof(*l->forked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (l->forked == MAP_FAILED || fd_set_cloexec(LOADER_FD, true) < 0)
                _exit(EXIT_FAILURE);
}

/* In the new process, until the master has it: it is that one's child, and known by a pidfd. */
static void loader_await(int gate) {
        sigset_t none;
        ssize_t n;
        char byte;

        title_set_command("fpmd-zygote");
        do
                n = read(gate, &byte, 1);
        while (n < 0 && errno == EINTR);
        if (n != 1)
                _exit(EXIT_FAILURE); /* nobody wants it any more */
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

static pid_t loader_wait_for(const struct loader *l, pid_t between) {
        while (waitpid(between, NULL, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return *l->forked;
}

/*
 * By way of a process in between, whose end makes the new one a child of the nearest subreaper (prctl(2)), which is the
 * master: clone(2) with CLONE_PARENT would do the same, but behind the C library's back. 0: this is the new process;
 * its pid, or -errno.
 */
static pid_t loader_fork(const struct loader *l, int gate) {
        pid_t pid;

        *l->forked = -EAGAIN; /* should the one in between be killed */
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL); /* stopped, it would keep what it was given */
                fd_close(LOADER_FD);              /* so that the master hears at once of a loader that ends */
                pid = fork();
                if (pid == 0) {
                        loader_await(gate);
                        return 0;
                }
                *l->forked = pid < 0 ? -errno : pid;
                _exit(EXIT_SUCCESS);
        }
        return pid < 0 ? -errno : loader_wait_for(l, pid);
}

static void loader_take(const struct loader *l, struct order_fds *fds) {
        int r = descriptors_arrange(fds->fds, (int)fds->n, NULL);

        setrlimit(RLIMIT_NOFILE, &l->files);
        munmap(l->forked, sizeof(*l->forked));
        if (r < 0)
                poolchild_fail(fds->fds[INHERIT_IPC - INHERIT_FIRST], "cannot arrange the zygote's descriptors", r);
}

void loader_run(struct order *ret) {
        struct loader l = {};

        loader_prepare(&l);
        if (order_send_answer(LOADER_FD, &(struct order_answer){}) < 0) /* all is loaded */
                _exit(EXIT_FAILURE);
        for (;;) {
                struct order_fds fds;
                pid_t pid;

                if (order_receive(LOADER_FD, ret, &fds) != 0)
                        _exit(EXIT_SUCCESS);
                pid = loader_fork(&l, fds.gate);
                if (pid == 0) {
                        loader_take(&l, &fds);
                        return;
                }
                fd_close(fds.gate);
                for (size_t i = 0; i < fds.n; i++)
                        fd_close(fds.fds[i]);
                if (order_send_answer(LOADER_FD, &(struct order_answer){ .error = MIN(pid, 0), .pid = pid }) < 0)
                        _exit(EXIT_FAILURE);
        }
}
