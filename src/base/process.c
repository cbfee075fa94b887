/* SPDX-License-Identifier: MIT */
/* Facts about processes; see process.h. What is read of /proc is the kernel's own "Key:\tvalue" lines, and the fields
 * of stat: proc(5). */

#include "base/process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define PROCESS_FILE_MAX (64U * 1024U)

static int process_read_number(const char *path, const char *key, long *ret) {
        _cleanup_free_ char *text = NULL;
        const char *value;
        int r;

        r = fd_read_file(path, PROCESS_FILE_MAX, &text, NULL);
        if (r < 0)
                return r;
        value = text_behind_key(text, key);
        return value && sscanf(value, "%ld", ret) == 1 ? 0 : -EBADF;
}

pid_t process_of_pidfd(int pidfd) {
        char path[64];
        long pid;
        int r;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
        r = process_read_number(path, "Pid", &pid);
        if (r < 0)
                return r;
        return pid > 0 ? (pid_t)pid : -ESRCH;
}

int process_inode_of_fd(int fd, uint64_t *ret) {
        char path[64];
        long inode;
        int r;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        r = process_read_number(path, "ino", &inode);
        if (r == 0)
                *ret = (uint64_t)inode;
        return r;
}

bool process_is_reaped(int pidfd) {
        return syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0 && errno == ESRCH;
}

int process_reap(int pidfd, int *ret_status) {
        siginfo_t info = {};

        if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0)
                return errno == ECHILD ? PROCESS_E_GONE : -errno;
        if (info.si_pid == 0)
                return PROCESS_E_ALIVE;
        *ret_status = info.si_code == CLD_EXITED   ? (info.si_status & 0xff) << 8
                      : info.si_code == CLD_DUMPED ? info.si_status | 0x80
                                                   : info.si_status & 0x7f;
        return 0;
}

pid_t process_parent(pid_t pid) {
        char path[64];
        long parent;
        int r;

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        r = process_read_number(path, "PPid", &parent);
        return r < 0 ? r : (pid_t)parent;
}

/* State and start of /proc/PID/stat, in nanoseconds of CLOCK_BOOTTIME, rounded down to a tick. 0 or -errno. */
static int process_read_stat(pid_t pid, char *ret_state, uint64_t *ret_start) {
        _cleanup_free_ char *text = NULL;
        unsigned long long ticks;
        char path[64], state;
        const char *rest;
        int r;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        r = fd_read_file(path, PROCESS_FILE_MAX, &text, NULL);
        if (r < 0)
                return r;
        rest = strrchr(text, ')'); /* its name may have anything in it */
        if (!rest ||
            sscanf(rest + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state,
                   &ticks) != 2)
                return -EBADF;
        *ret_state = state;
        *ret_start = ticks * (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
        return 0;
}

bool process_lives_since(pid_t pid, uint64_t then) {
        uint64_t start;
        char state;

        if (kill(pid, 0) < 0 && errno == ESRCH)
                return false;
        if (process_read_stat(pid, &state, &start) < 0)
                return true;
        return state != 'Z' && state != 'X' && start <= then;
}

unsigned process_n_cpus(void) {
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return errno == EINVAL ? CPU_SETSIZE : 1; /* more than the set has bits for */
        return (unsigned)CPU_COUNT(&set);
}

rlim_t process_raise_files(rlim_t wanted, struct rlimit *ret_before) {
        struct rlimit limit = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };

        (void)getrlimit(RLIMIT_NOFILE, &limit);
        if (ret_before)
                *ret_before = limit;
        if (limit.rlim_cur < MIN(wanted, limit.rlim_max)) {
                struct rlimit raised = { .rlim_cur = MIN(wanted, limit.rlim_max), .rlim_max = limit.rlim_max };

                if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
                        return raised.rlim_cur;
        }
        return limit.rlim_cur;
}

const char *process_describe_exit(int status, char buf[static PROCESS_EXIT_MAX]) {
        if (WIFSIGNALED(status))
                snprintf(buf, PROCESS_EXIT_MAX, "exited on signal %d (SIG%s%s)", WTERMSIG(status),
                         sigabbrev_np(WTERMSIG(status)) ?: "?", WCOREDUMP(status) ? " - core dumped" : "");
        else
                snprintf(buf, PROCESS_EXIT_MAX, "exited with code %d", WEXITSTATUS(status));
        return buf;
}
