/* SPDX-License-Identifier: MIT */
/*
 * Probes are attached to files, not to processes: one attachment to a binary covers all processes that run it, forks
 * and new ones included. So the processes found here only lead to their files. A file is reached through /proc/PID/exe,
 * which works across mount namespaces and for a binary that an upgrade has deleted; the descriptor opened there
 * outlives the process. Processes come and go during the scan: one that is gone is not an error.
 */

#include "targets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/number.h"
#include "base/text.h"

#define BINARY_NAME "fpmd-zygote"
#define DELETED     " (deleted)"

/* worker, zygote, master: what -p may name, as in the BPF program. */
#define GENERATIONS 4

void trace_targets_done(struct trace_targets *t) {
        for (size_t i = 0; i < t->n; i++) {
                fd_close(t->items[i].fd);
                free(t->items[i].name);
        }
        free(t->items);
        *t = (struct trace_targets){};
}

/* Opens path and adds it under that name, unless its file is in the list. */
static int targets_add_file(struct trace_targets *t, const char *path, const char *name) {
        _cleanup_fd_ int fd = -1;
        _cleanup_free_ char *copy = NULL;
        struct trace_target *items;
        struct stat st;

        fd = open(path, O_PATH | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        for (size_t i = 0; i < t->n; i++)
                if (t->items[i].dev == st.st_dev && t->items[i].ino == st.st_ino)
                        return 0;

        copy = strdup(name);
        items = reallocarray(t->items, t->n + 1, sizeof(*items));
        if (items)
                t->items = items;
        if (!copy || !items)
                return -ENOMEM;
        t->items[t->n++] = (struct trace_target){
                .dev = st.st_dev,
                .ino = st.st_ino,
                .fd = TAKE_FD(fd),
                .name = TAKE_PTR(copy),
        };
        return 0;
}

int trace_targets_add(struct trace_targets *t, const char *path) {
        return targets_add_file(t, path, path);
}

/* Cuts what the kernel puts after the name of a deleted file. */
static bool targets_is_our_binary(char *exe) {
        const char *name;

        if (text_has_suffix(exe, DELETED))
                exe[strlen(exe) - strlen(DELETED)] = '\0';
        name = strrchr(exe, '/');
        return name && text_equal(name + 1, BINARY_NAME);
}

/* The parent from /proc/PID/stat; 0 when the process is gone. The second field is the command in brackets, and may hold
 * brackets and blanks itself. */
static pid_t targets_parent_of(pid_t pid) {
        _cleanup_free_ char *stat = NULL;
        char path[64], state;
        const char *p;
        pid_t parent;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        if (fd_read_file(path, 4096, &stat, NULL) < 0)
                return 0;
        p = strrchr(stat, ')');
        if (!p || sscanf(p + 1, " %c %d", &state, &parent) != 2)
                return 0;
        return parent;
}

static bool targets_descends_from(pid_t pid, pid_t ancestor) {
        for (unsigned i = 0; i < GENERATIONS && pid > 0; i++) {
                if (pid == ancestor)
                        return true;
                pid = targets_parent_of(pid);
        }
        return false;
}

static int targets_visit(struct trace_targets *t, pid_t pid, pid_t only) {
        char link[64], exe[PATH_MAX + sizeof(DELETED)];
        ssize_t n;
        int r;

        snprintf(link, sizeof(link), "/proc/%d/exe", pid);
        n = readlink(link, exe, sizeof(exe) - 1);
        if (n < 0) {
                if (errno == EACCES || errno == EPERM)
                        t->n_denied++;
                return 0;
        }
        exe[n] = '\0';
        if (!targets_is_our_binary(exe) || (only > 0 && !targets_descends_from(pid, only)))
                return 0;
        r = targets_add_file(t, link, exe);
        if (r == -ENOENT || r == -ESRCH)
                return 0;
        if (r < 0)
                return r;
        t->n_processes++;
        return 0;
}

int trace_targets_scan(struct trace_targets *t, pid_t pid) {
        _cleanup_dir_ DIR *proc = opendir("/proc");
        struct dirent *d;

        if (!proc)
                return -errno;
        t->n_processes = t->n_denied = 0;
        while ((d = readdir(proc))) {
                uint64_t n;
                int r;

                if (number_parse_u64(d->d_name, INT_MAX, &n) < 0)
                        continue;
                r = targets_visit(t, (pid_t)n, pid);
                if (r < 0)
                        return r;
        }
        return 0;
}
