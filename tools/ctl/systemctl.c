/* SPDX-License-Identifier: MIT */
/* A child with the words of a list: no shell. */

#include "systemctl.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl.h"

static int systemctl_spawn(const char *const *arguments, int out_fd, pid_t *ret) {
        const char *words[SYSTEMCTL_WORDS_MAX + 2] = { "systemctl" };
        posix_spawn_file_actions_t actions;
        int r;

        for (size_t i = 0; i < SYSTEMCTL_WORDS_MAX && arguments[i]; i++)
                words[i + 1] = arguments[i];
        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        if (out_fd >= 0)
                r = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawnp(ret, words[0], &actions, NULL, (char *const *)words, environ);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static void systemctl_read(int fd, struct text *out) {
        char buf[4096];
        ssize_t n;

        while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
                if (n > 0)
                        text_append_n(out, buf, (size_t)n);
}

int systemctl_run(const char *const *arguments, struct text *out) {
        _cleanup_fd_ int reader = -1, writer = -1;
        int pair[2], status, r;
        pid_t pid;

        fflush(stdout);
        if (out) {
                if (pipe2(pair, O_CLOEXEC) < 0) {
                        ctl_print_error("%s", strerror(errno));
                        return -CTL_EXIT_FAILED;
                }
                reader = pair[0];
                writer = pair[1];
        }
        r = systemctl_spawn(arguments, writer, &pid);
        if (r < 0) {
                ctl_print_error("cannot run systemctl, which this command is about: %s", strerror(-r));
                return -CTL_EXIT_UNAVAILABLE;
        }
        writer = fd_close(writer);
        if (out)
                systemctl_read(reader, out);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -CTL_EXIT_FAILED;
        return WIFEXITED(status) ? WEXITSTATUS(status) : CTL_EXIT_FAILED;
}
