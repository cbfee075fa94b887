/* SPDX-License-Identifier: MIT */
/* A program of ours is beside this one in a build tree, else where it was installed. */

#include "master/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"

int programs_open(const char *name) {
        char self[PATH_MAX], path[PATH_MAX + 32];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        int fd;

        if (n > 0) {
                char *slash;

                self[n] = '\0';
                slash = strrchr(self, '/');
                if (slash)
                        *slash = '\0';
                snprintf(path, sizeof(path), "%s/%s", self, name);
                fd = open(path, O_PATH | O_CLOEXEC);
                if (fd >= 0)
                        return fd;
        }
        snprintf(path, sizeof(path), "%s/%s", FPMD_LIBEXECDIR, name);
        fd = open(path, O_PATH | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int programs_open_all(struct pool_env *env, struct text *problems) {
        const struct {
                const char *name;
                int *fd;
        } rows[] = { { "fpmd-zygote", &env->zygote_fd },
                     { "fpmd-park", &env->park_fd },
                     { "fpmd-logger", &env->logger_fd } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                *rows[i].fd = programs_open(rows[i].name);
                if (*rows[i].fd >= 0)
                        continue;
                text_printf(problems, "cannot find %s beside this program or in %s: %s\n", rows[i].name,
                            FPMD_LIBEXECDIR, strerror(-*rows[i].fd));
                return *rows[i].fd;
        }
        return 0;
}
