/* SPDX-License-Identifier: MIT */
/* Facts about processes; see process.h. Both files of /proc are the kernel's own "Key:\tvalue" lines: proc(5). */

#include "base/process.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

#define PROCESS_FILE_MAX (64U * 1024U)

static int process_read_number(const char *path, const char *key, long *ret) {
        _cleanup_free_ char *text = NULL;
        size_t n_key = strlen(key);
        int r;

        r = file_read_all(path, PROCESS_FILE_MAX, &text, NULL);
        if (r < 0)
                return r;
        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, key, n_key) == 0 && line[n_key] == ':' && sscanf(line + n_key + 1, "%ld", ret) == 1)
                        return 0;
        }
        return -EBADF;
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

pid_t process_parent(pid_t pid) {
        char path[64];
        long parent;
        int r;

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        r = process_read_number(path, "PPid", &parent);
        return r < 0 ? r : (pid_t)parent;
}

unsigned process_n_cpus(void) {
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return errno == EINVAL ? CPU_SETSIZE : 1; /* more than the set has bits for */
        return (unsigned)CPU_COUNT(&set);
}
