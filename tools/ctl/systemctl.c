/* SPDX-License-Identifier: MIT */
/* A child with the words of a list: no shell. */

#include "systemctl.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl.h"

/* What execve(2) takes; the caller's to free. */
static char **systemctl_put_first(const char *const *arguments) {
        char **words;
        size_t n = 0;

        while (arguments[n])
                n++;
        words = calloc(n + 2, sizeof(*words));
        if (!words)
                return NULL;
        words[0] = (char *)"systemctl";
        memcpy(words + 1, arguments, n * sizeof(*words));
        return words;
}

static int systemctl_spawn(const char *const *arguments, int out_fd, pid_t *ret) {
        _cleanup_free_ char **words = systemctl_put_first(arguments);
        posix_spawn_file_actions_t actions;
        int r;

        if (out_fd >= 0 && setenv("SYSTEMD_COLORS", "0", true) < 0) /* what is read here has none, whoever wants some */
                return -errno;
        r = words ? posix_spawn_file_actions_init(&actions) : ENOMEM;
        if (r != 0)
                return -r;
        if (out_fd >= 0)
                r = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawnp(ret, words[0], &actions, NULL, words, environ);
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

void systemctl_words_done(struct systemctl_words *w) {
        free(w->items);
}

void systemctl_put(struct systemctl_words *w, const char *word) {
        const char **items = reallocarray(w->items, w->n + 2, sizeof(*items));

        w->failed |= !items;
        if (!items)
                return;
        w->items = items;
        items[w->n++] = word;
        items[w->n] = NULL;
}
