/* SPDX-License-Identifier: MIT */
/*
 * One binary, two names. A site that moves from php-fpm keeps what looks for it by name: pgrep -f "php-fpm: pool", log
 * patterns, default paths. Each program of a family gets the name from the one that executes it, in argv[0].
 *
 * The path is what PHP scripts see as PHP_BINARY. Installers make "bin/php" of "sbin/php-fpm" in it, so under php-fpm's
 * name it is a path of that name.
 */

#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define PROGRAM_COMMAND_MAX 16 /* the kernel's TASK_COMM_LEN */

#define PROGRAM_LINKS_MAX 40 /* the kernel's */

static struct {
        const char *name;
        char command[PROGRAM_COMMAND_MAX];
        char path[PATH_MAX];
} program = { .name = "fpmd", .command = "fpmd" };

static const char *program_base(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static bool program_is_named_php_fpm(const char *path) {
        return text_has_prefix(program_base(path), "php-fpm");
}

/* What the link at path points to, as a path that can be used from here. False: it is none, or does not fit. */
static bool program_follow(const char *path, char ret[static PATH_MAX]) {
        size_t n_folder = (size_t)(program_base(path) - path);
        char target[PATH_MAX];
        ssize_t n = readlink(path, target, sizeof(target) - 1);

        if (n <= 0)
                return false;
        target[n] = '\0';
        if (target[0] == '/')
                n_folder = 0;
        return snprintf(ret, PATH_MAX, "%.*s%s", (int)n_folder, path, target) < PATH_MAX;
}

/* Links are followed as long as they lead to a name of php-fpm's, as update-alternatives(1) makes them. */
static bool program_resolve(const char *path, char ret[static PATH_MAX]) {
        char at[PATH_MAX], next[PATH_MAX], folder[PATH_MAX];
        const char *base;

        if (!text_copy(at, sizeof(at), path, strlen(path)))
                return false;
        for (int i = 0; i < PROGRAM_LINKS_MAX && program_follow(at, next) && program_is_named_php_fpm(next); i++)
                memcpy(at, next, sizeof(at));
        base = program_base(at);
        if (snprintf(next, sizeof(next), "%.*s.", (int)(base - at), at) >= PATH_MAX || !realpath(next, folder))
                return false;
        return snprintf(ret, PATH_MAX, "%s/%s", text_equal(folder, "/") ? "" : folder, base) < PATH_MAX;
}

/* As a shell finds it. */
static bool program_search(const char *name, char ret[static PATH_MAX]) {
        const char *p = getenv("PATH");
        char at[PATH_MAX];

        for (size_t n; p; p = p[n] ? p + n + 1 : NULL) {
                n = strcspn(p, ":");
                if (n > 0 && snprintf(at, sizeof(at), "%.*s/%s", (int)n, p, name) < PATH_MAX && access(at, X_OK) == 0)
                        return program_resolve(at, ret);
        }
        return false;
}

/* Under php-fpm's name the path that argv[0] gives; a unit may give a name alone, for a program of another. Else the
 * file that runs. */
static void program_find(const char *argv0) {
        ssize_t n;

        if (program_is_named_php_fpm(argv0) &&
            (strchr(argv0, '/') ? program_resolve(argv0, program.path) : program_search(argv0, program.path)))
                return;
        n = readlink("/proc/self/exe", program.path, sizeof(program.path) - 1);
        program.path[MAX(n, (ssize_t)0)] = '\0';
}

void program_init(const char *argv0) {
        const char *base = argv0 ? program_base(argv0) : "";

        if (*base) {
                program.name = program_is_named_php_fpm(base) ? "php-fpm" : "fpmd";
                text_copy(program.command, sizeof(program.command), base, strlen(base));
        }
        program_find(argv0 ? argv0 : "");
}

const char *program_name(void) {
        return program.name;
}

bool program_is_php_fpm(void) {
        return program.name[0] == 'p';
}

const char *program_command(void) {
        return program.command;
}

const char *program_path(void) {
        return program.path;
}

int program_open(const char *name) {
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
