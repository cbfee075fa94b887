/* SPDX-License-Identifier: MIT */
/*
 * The title is written over the argument strings, which ps(1) reads from /proc/PID/cmdline. The environment strings
 * that follow them are copied to the heap first, and their room is used too. The copies live as long as the process.
 */

#include "base/title.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/program.h"

static char *title_room;
static size_t title_size;
static char **title_environment; /* what environ was set to; the pointer keeps the copies reachable */

static int title_move_environment(char **end) {
        size_t n = 0;
        char **copy;

        while (environ[n])
                n++;
        copy = calloc(n + 1, sizeof(*copy));
        if (!copy)
                return -1;
        for (size_t i = 0; i < n; i++) {
                if (environ[i] == *end)
                        *end = environ[i] + strlen(environ[i]) + 1;
                copy[i] = strdup(environ[i]);
                if (!copy[i])
                        return -1; /* out of memory at start: the process is about to fail anyway */
        }
        environ = title_environment = copy;
        return 0;
}

void title_init(int argc, char **argv) {
        char *end;

        if (argc < 1 || !argv[0])
                return;
        end = argv[0];
        for (int i = 0; i < argc; i++)
                if (argv[i] == end)
                        end = argv[i] + strlen(argv[i]) + 1;
        if (title_move_environment(&end) < 0)
                return;
        title_room = argv[0];
        title_size = (size_t)(end - argv[0]);
}

void title_set(const char *title) {
        size_t n;

        if (!title_room)
                return;
        n = MIN(strlen(title), title_size - 1);
        memcpy(title_room, title, n);
        memset(title_room + n, 0, title_size - n);
}

void title_set_command(const char *name) {
        prctl(PR_SET_NAME, program_is_php_fpm() ? program_command() : name);
}
