/* SPDX-License-Identifier: MIT */
/*
 * PHP answers for itself, in the zygote's program: this one links no PHP. It becomes that program, and nobody when it
 * was root, since start-up runs the code of whatever extensions the settings name.
 */

#include "master/about.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/program.h"
#include "master/exit.h"
#include "phpcheck/phpcheck.h"
#include "pool/spawn.h"

static int about_leave_root(void) {
        const struct passwd *pw;

        if (geteuid() != 0)
                return 0;
        errno = 0;
        pw = getpwnam("nobody");
        if (!pw)
                return errno ? -errno : -ENOENT;
        if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
            setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
                return -errno;
        return 0;
}

/* The program's command line; free() frees it. */
static char **about_arguments(const struct options *options, const char *what) {
        const struct pool_env env = {
                .php_ini = options->php_ini,
                .no_php_ini = options->no_php_ini,
                .php_defines = options->defines,
        };
        char *first[] = { (char *)what, NULL };

        return spawn_zygote_arguments(&env, first);
}

/* Returns only when it fails. */
static int about_become(const struct options *options, const char *what) {
        char **argv;
        int fd, r;

        fd = program_open("fpmd-zygote");
        if (fd < 0)
                return fd;
        argv = about_arguments(options, what);
        r = argv ? about_leave_root() : -ENOMEM;
        if (r < 0)
                return r;
        syscall(SYS_execveat, fd, "", argv, environ, 0x1000 /* AT_EMPTY_PATH */);
        return -errno;
}

int about_print(const struct options *options) {
        static const char *const orders[] = {
                [OPTIONS_VERSION] = "--print-version",
                [OPTIONS_MODULES] = "--print-modules",
                [OPTIONS_INFO] = "--print-info",
        };
        int r;

        if (options->task == OPTIONS_VERSION && !program_is_php_fpm()) {
                printf("fpmd %s (built for PHP %s)\n", FPMD_VERSION, FPMD_PHP_VERSION);
                return EXIT_SUCCESS;
        }
        r = about_become(options, orders[options->task]);
        fprintf(stderr, "%s: cannot run fpmd-zygote: %s\n", program_name(), strerror(-r));
        return EXIT_SOFTWARE;
}

int about_check(const struct options *options, const struct conf *conf, struct text *ret) {
        _cleanup_free_ char **argv = about_arguments(options, "--check");
        _cleanup_fd_ int program = program_open("fpmd-zygote");

        if (program < 0 || !argv)
                return program < 0 ? program : -ENOMEM;
        return phpcheck_run(&(struct phpcheck){ .program = program, .argv = argv, .allow_root = options->allow_root },
                            conf, ret);
}
