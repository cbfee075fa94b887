/* SPDX-License-Identifier: MIT */
/* fpmctl check: reads the configuration as fpmd would and says what is wrong, without asking or touching a running one.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/program.h"
#include "conf/dump.h"
#include "conf/load.h"
#include "ctl.h"
#include "danger.h"
#include "phpcheck/phpcheck.h"

static const char usage[] =
        "fpmctl check [-R] [-y FILE]\n"
        "\n"
        "Reads the configuration and prints each problem with its file and line. Ends with 78 when there are\n"
        "any. Warns of settings that are valid and dangerous, and of those that PHP does not take: it is\n"
        "started for that, as each pool's user.\n"
        "\n"
        "  -R         for an fpmd -R: a pool may run as root\n"
        "  -y FILE    the configuration (" CTL_CONFIG_DEFAULT ")\n";

/* What is no error, and still worth a look. */
static void check_tell_notices(const struct conf *conf) {
        _cleanup_text_ struct text unimplemented = {}, dangers = {};

        for (size_t i = 0; conf->notices && conf->notices[i]; i++)
                fprintf(stderr, "%s\n", conf->notices[i]);
        conf_dump_ignored(conf, &unimplemented);
        fputs(text_peek(&unimplemented), stderr);
        danger_list(conf, &dangers);
        fputs(text_peek(&dangers), stderr);
}

/* What only PHP knows. */
static void check_ask_php(const struct conf *conf, bool allow_root) {
        char *const argv[] = { (char *)"fpmd-zygote", (char *)"--check", NULL };
        _cleanup_fd_ int program = program_open("fpmd-zygote");
        _cleanup_text_ struct text said = {};
        int r = program < 0 ? program : phpcheck_run(&(struct phpcheck){ program, argv, allow_root }, conf, &said);

        fputs(text_peek(&said), stderr);
        if (r < 0)
                ctl_print_error("whether PHP takes its settings was not looked at: fpmd-zygote: %s", strerror(-r));
}

static int check(const char *path, bool allow_root) {
        const struct conf_options options = { .running_as_root = geteuid() == 0,
                                              .allow_root = allow_root,
                                              .testing = true };
        _cleanup_conf_ struct conf *conf = NULL;
        size_t n_files = 0;
        int r;

        r = ctl_load_conf(path, &options, &conf);
        if (r < 0)
                return -r;
        check_tell_notices(conf);
        check_ask_php(conf, allow_root);
        while (conf->files && conf->files[n_files])
                n_files++;
        printf("%s: valid, %zu pool%s, %zu file%s\n", path, conf->n_pools, conf->n_pools == 1 ? "" : "s", n_files,
               n_files == 1 ? "" : "s");
        return CTL_EXIT_OK;
}

int ctl_check_main(struct ctl *ctl, int argc, char *argv[]) {
        static const struct option options[] = { CTL_COMMON_OPTIONS, {} };
        const char *path = CTL_CONFIG_DEFAULT;
        bool allow_root = false;
        int c, code;

        while ((c = getopt_long(argc, argv, "hRy:", options, NULL)) != -1) {
                if (c == 'y')
                        path = optarg;
                else if (c == 'R')
                        allow_root = true;
                else if (ctl_option(ctl, c, usage, &code) != 0)
                        return code;
        }
        if (optind < argc) {
                ctl_print_error("check takes no '%s'", argv[optind]);
                return CTL_EXIT_USAGE;
        }
        return check(path, allow_root);
}
