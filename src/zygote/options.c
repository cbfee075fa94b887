/* SPDX-License-Identifier: MIT */
#include "zygote/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "log/log.h"

int options_parse(int argc, char **argv, struct options *o) {
        static const struct option table[] = {
                { "generation", required_argument, NULL, 'g' },
                { "listeners", required_argument, NULL, 'l' },
                { "log-level", required_argument, NULL, 'L' },
                { "program", required_argument, NULL, 'p' },
                { "php-ini", required_argument, NULL, 'c' },
                { "no-php-ini", no_argument, NULL, 'n' },
                { "define", required_argument, NULL, 'd' },
                { "extended-info", no_argument, NULL, 'e' },
                { "print-version", no_argument, NULL, 'V' },
                { "print-modules", no_argument, NULL, 'M' },
                { "print-info", no_argument, NULL, 'I' },
                { "check", no_argument, NULL, 'k' },
                { "version", no_argument, NULL, 'v' },
                { "allow-to-run-as-root", no_argument, NULL, 'R' },
                { "reload", no_argument, NULL, 'r' },
                { "loader", required_argument, NULL, 'o' },
                {},
        };
        size_t n_defines = 0;
        int c, r = 0;

        while (r == 0 && (c = getopt_long(argc, argv, "", table, NULL)) >= 0) {
                switch (c) {
                case 'g':
                        r = number_parse_u64(optarg, UINT32_MAX, &o->generation);
                        break;
                case 'l':
                        r = number_parse_u64(optarg, 4096, &o->n_listeners);
                        break;
                case 'L':
                        r = number_parse_u64(optarg, LOG_LEVEL_ALERT, &o->log_level);
                        break;
                case 'p':
                        o->sapi.program = strdup(optarg);
                        break;
                case 'c':
                        o->sapi.ini_path = strdup(optarg);
                        break;
                case 'n':
                        o->sapi.no_ini = true;
                        break;
                case 'd':
                        if (n_defines < OPTIONS_DEFINES_MAX)
                                o->defines[n_defines++] = strdup(optarg);
                        break;
                case 'R':
                        o->allow_root = true;
                        break;
                case 'r':
                        o->is_reload = true;
                        break;
                case 'e':
                        o->sapi.extended_info = true;
                        break;
                case 'V':
                        o->print = SAPI_PRINT_VERSION;
                        break;
                case 'M':
                        o->print = SAPI_PRINT_MODULES;
                        break;
                case 'I':
                        o->print = SAPI_PRINT_INFO;
                        break;
                case 'k':
                        o->check = true;
                        break;
                case 'o': /* its argument is room for titles */
                        o->is_loader = true;
                        break;
                case 'v':
                        printf("fpmd-zygote %s (PHP %s)\n", FPMD_VERSION, sapi_module_version());
                        exit(EXIT_SUCCESS);
                default:
                        r = -EINVAL;
                }
        }
        o->sapi.defines = o->defines;
        return r;
}
