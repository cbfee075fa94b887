/* SPDX-License-Identifier: MIT */
#pragma once
/* The name a program goes by: "fpmd", or "php-fpm" when it was run under a name that begins so (php-fpm, php-fpm8.2: a
 * symbolic link). */

#include <stdbool.h>

/* Looks at argv[0]. Call first in main(): until then the name is fpmd. */
void program_init(const char *argv0);

/* "fpmd" or "php-fpm": for process titles and the journal's identifier. Static. */
const char *program_name(void);

bool program_is_php_fpm(void);

/* What the kernel calls a process of this program (ps -C): argv[0]'s last part, "php-fpm8.2", as php-fpm's workers have
 * it. Static. */
const char *program_command(void);

/* Another program of ours, which is beside this one in a build tree, else where it was installed: a descriptor for
 * execveat(2), or -errno. */
int program_open(const char *name);

/* The program's path for scripts, PHP_BINARY; "" when it is not to be had. Under php-fpm's name it ends in such a name.
 * Static. */
const char *program_path(void);
