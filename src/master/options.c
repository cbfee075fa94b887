/* SPDX-License-Identifier: MIT */
/* The command line; see options.h. */

#include "master/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

static void options_usage(FILE *to) {
        fprintf(to,
                "Usage: fpmd [-n] [-t] [-O] [-R] [-c PATH] [-d FOO[=BAR]] [-y FILE] [--runtime-dir DIR]\n"
                "  -c PATH, --php-ini PATH    php.ini, or the folder it is in\n"
                "  -n, --no-php-ini           read no php.ini\n"
                "  -d FOO[=BAR], --define     set the INI entry FOO to BAR (default 1)\n"
                "  -y FILE, --fpm-config FILE configuration (default %s)\n"
                "  -t, --test                 test the configuration and exit; -tt: print it as well\n"
                "  -O, --force-stderr         log to stderr, even when error_log or the journal would take it\n"
                "  -F, --nodaemonize          stay in the foreground: always so\n"
                "  -R, --allow-to-run-as-root a pool may run PHP as root\n"
                "      --runtime-dir DIR      where the control socket is made (default $RUNTIME_DIRECTORY, else "
                "/run/fpmd)\n"
                "  -h, --help                 this text\n"
                "  -v, --version              version\n",
                FPMD_SYSCONFDIR "/fpmd.conf");
}

static int options_set(char **field, const char *value) {
        free(*field);
        *field = strdup(value);
        return *field ? 0 : -ENOMEM;
}

static int options_add_define(struct options *o, const char *value) {
        if (o->n_defines == OPTIONS_DEFINES_MAX) {
                fprintf(stderr, "fpmd: more than %d -d options\n", OPTIONS_DEFINES_MAX);
                return -EINVAL;
        }
        return options_set(&o->defines[o->n_defines++], value);
}

/* Absolute, so that it means the same at a reload, wherever the process is then. */
static int options_finish(struct options *o) {
        char *absolute;

        if (!o->conf_path)
                return options_set(&o->conf_path, FPMD_SYSCONFDIR "/fpmd.conf");
        absolute = realpath(o->conf_path, NULL);
        if (!absolute)
                return 0; /* the loader will say what is wrong with it */
        free(o->conf_path);
        o->conf_path = absolute;
        return 0;
}

enum { OPTION_RUNTIME_DIR = 256 };

int options_parse(int argc, char **argv, struct options *ret) {
        static const struct option table[] = {
                { "php-ini", required_argument, NULL, 'c' },
                { "no-php-ini", no_argument, NULL, 'n' },
                { "define", required_argument, NULL, 'd' },
                { "fpm-config", required_argument, NULL, 'y' },
                { "test", no_argument, NULL, 't' },
                { "force-stderr", no_argument, NULL, 'O' },
                { "nodaemonize", no_argument, NULL, 'F' },
                { "allow-to-run-as-root", no_argument, NULL, 'R' },
                { "runtime-dir", required_argument, NULL, OPTION_RUNTIME_DIR },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'v' },
                {},
        };
        int c, r = 0;

        while (r == 0 && (c = getopt_long(argc, argv, "c:nd:y:tOFRhv", table, NULL)) >= 0) {
                switch (c) {
                case 'c':
                        r = options_set(&ret->php_ini, optarg);
                        break;
                case 'n':
                        ret->no_php_ini = true;
                        break;
                case 'd':
                        r = options_add_define(ret, optarg);
                        break;
                case 'y':
                        r = options_set(&ret->conf_path, optarg);
                        break;
                case 't':
                        ret->dump = ret->test;
                        ret->test = true;
                        break;
                case 'O':
                        ret->force_stderr = true;
                        break;
                case 'F':
                        break;
                case 'R':
                        ret->allow_root = true;
                        break;
                case OPTION_RUNTIME_DIR:
                        r = options_set(&ret->runtime_dir, optarg);
                        break;
                case 'h':
                        options_usage(stdout);
                        return OPTIONS_E_DONE;
                case 'v':
                        printf("fpmd %s (built for PHP %s)\n", FPMD_VERSION, FPMD_PHP_VERSION);
                        return OPTIONS_E_DONE;
                default:
                        options_usage(stderr);
                        return -EINVAL;
                }
        }
        if (r == 0 && optind < argc) {
                fprintf(stderr, "fpmd: unexpected argument '%s'\n", argv[optind]);
                return -EINVAL;
        }
        return r < 0 ? r : options_finish(ret);
}
