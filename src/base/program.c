/* SPDX-License-Identifier: MIT */
/*
 * One binary, two names. A site that moves from php-fpm keeps what looks for it by name: pgrep -f "php-fpm: pool", log patterns, default paths. Each program of a family
 * gets the name from the one that executes it, in argv[0]; nothing else is handed down.
 */

#include "base/program.h"

#include <string.h>

#include "base/text.h"

#define PROGRAM_COMMAND_MAX 16 /* the kernel's TASK_COMM_LEN */

static struct {
        const char *name;
        char command[PROGRAM_COMMAND_MAX];
} program = { .name = "fpmd", .command = "fpmd" };

void program_init(const char *argv0) {
        const char *slash = argv0 ? strrchr(argv0, '/') : NULL, *base = slash ? slash + 1 : argv0;

        if (!base || !*base)
                return;
        program.name = text_has_prefix(base, "php-fpm") ? "php-fpm" : "fpmd";
        text_copy(program.command, sizeof(program.command), base, strlen(base));
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
