/* SPDX-License-Identifier: MIT */
/*
 * Stands in the place of fpmd-zygote, fpmd-park and fpmd-logger in a tree of programs that a test has made. For a pool
 * that is named "liar-zygote-..." after this program it runs impostor.py beside it, and does nothing when the lie has
 * been told before: there is a file of the pool's name in $FPMD_TOLD then. Else it is the real program, which is below
 * real/. The master starts programs by descriptor, so a script cannot stand there.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "ipc/inherit.h"

/* What a pool's packed settings begin with, and its name: conf/pack.c. */
static const char impostor_magic[] = "fpmd-pool-1\0pool";

static const struct {
        const char *program;
        int conf;
} impostor_rows[] = {
        { "fpmd-zygote", INHERIT_CONF },
        { "fpmd-park", PARK_FD_CONF },
        { "fpmd-logger", LOGGER_FD_CONF },
};

/* The pool that the program is for. */
static bool impostor_find_pool(const char *program, char ret[static NAME_MAX]) {
        char head[sizeof(impostor_magic) + NAME_MAX] = "";

        for (size_t i = 0; i < ELEMENTSOF(impostor_rows); i++)
                if (strcmp(program, impostor_rows[i].program) == 0 &&
                    pread(impostor_rows[i].conf, head, sizeof(head) - 1, 0) < 0)
                        return false;
        snprintf(ret, NAME_MAX, "%s", head + sizeof(impostor_magic));
        return memcmp(head, impostor_magic, sizeof(impostor_magic)) == 0;
}

/* "liar-zygote-...": its zygote is the liar. */
static bool impostor_lies(const char *program, const char *pool) {
        static const char liar[] = "liar-", family[] = "fpmd-";
        size_t n = strlen(program) - strlen(family);

        return strncmp(pool, liar, strlen(liar)) == 0 &&
               strncmp(pool + strlen(liar), program + strlen(family), n) == 0 && pool[strlen(liar) + n] == '-';
}

int main(_unused_ int argc, char **argv) {
        char own[PATH_MAX], path[2 * PATH_MAX], pool[NAME_MAX];
        ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
        const char *told = getenv("FPMD_TOLD");
        char *program;

        if (n < 0)
                return EXIT_FAILURE;
        own[n] = '\0';
        program = strrchr(own, '/');
        *program++ = '\0';
        if (!impostor_find_pool(program, pool) || !impostor_lies(program, pool)) {
                snprintf(path, sizeof(path), "%s/real/%s", own, program);
                execv(path, argv);
                return EXIT_FAILURE;
        }
        snprintf(path, sizeof(path), "%s/%s", told ? told : "", pool);
        if (access(path, F_OK) == 0)
                return pause();
        snprintf(path, sizeof(path), "%s/impostor.py", own);
        execl("/usr/bin/python3", "python3", path, program, pool, NULL);
        return EXIT_FAILURE;
}
