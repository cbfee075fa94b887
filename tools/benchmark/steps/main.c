/* SPDX-License-Identifier: MIT */
/*
 * fpmd-steps PID: counts the instructions that a process executes in user space, by stepping through them, until
 * SIGINT; then prints the number. Hundreds of times slower than a CPU's own counter, but exact, and there also in
 * virtual machines that have no such counter. (A simulator like callgrind would do, if it knew the system calls that
 * fpmd makes.)
 *
 * A system call is one step. A repeated string instruction stops after each round, and counts once, as in a CPU's
 * counter.
 */

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "base/number.h"

enum { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_BROKEN = 3 };

static int steps_fail(const char *what, int error) {
        fprintf(stderr, "fpmd-steps: %s: %s\n", what, strerror(error));
        return EXIT_BROKEN;
}

/* Where the stopped process is, or 0. */
static unsigned long steps_place(pid_t pid) {
        errno = 0;
        return (unsigned long)ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rip), 0);
}

/* The signal that stopped it is to be passed on, unless it is the stop of a step or of ours. */
static int steps_signal_to_pass(int status) {
        int number = WSTOPSIG(status);

        return status >> 16 != 0 || number == SIGTRAP ? 0 : number;
}

/* Steps until SIGINT comes, then stops it. 0; -ECHILD: it has ended; other -errno. */
static int count_steps(pid_t pid, const sigset_t *set, unsigned long long *ret) {
        unsigned long here = steps_place(pid), now;
        unsigned long long n = 0;
        int status, pass = 0;

        for (;;) {
                int number;

                if (ptrace(PTRACE_SINGLESTEP, pid, 0, pass) < 0)
                        return -errno;
                do {
                        number = sigwaitinfo(set, NULL);
                        if (number == SIGINT && ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
                                return -errno;
                } while (number != SIGINT && waitpid(pid, &status, WNOHANG | __WALL) == 0);
                if (number == SIGINT)
                        break;
                if (!WIFSTOPPED(status))
                        return -ECHILD;
                pass = steps_signal_to_pass(status);
                now = steps_place(pid);
                n += now != here;
                here = now;
        }
        *ret = n;
        return waitpid(pid, &status, __WALL) < 0 ? -errno : 0;
}

static int steps_attach(pid_t pid) {
        int status;

        if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
                return -errno;
        if (waitpid(pid, &status, __WALL) < 0)
                return -errno;
        return WIFSTOPPED(status) ? 0 : -ECHILD;
}

int main(int argc, char *argv[]) {
        unsigned long long n = 0;
        uint64_t pid;
        sigset_t set;
        int r;

        if (argc != 2 || number_parse_range(argv[1], 1, 1U << 30, &pid) < 0) {
                fprintf(stderr, "Usage: fpmd-steps PID\n");
                return EXIT_USAGE;
        }
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGCHLD);
        sigprocmask(SIG_BLOCK, &set, NULL);
        r = steps_attach((pid_t)pid);
        if (r < 0)
                return steps_fail("cannot trace it", -r);
        fprintf(stderr, "attached\n");
        r = count_steps((pid_t)pid, &set, &n);
        if (r < 0)
                return steps_fail("it could not be followed", -r);
        ptrace(PTRACE_DETACH, (pid_t)pid, 0, 0);
        printf("%llu\n", n);
        return fflush(stdout) == 0 ? EXIT_DONE : EXIT_BROKEN;
}
