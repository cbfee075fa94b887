/* SPDX-License-Identifier: MIT */
/* fpmctl enable: a pool's socket unit, now and at each boot. What it does is systemctl's; what is checked before is the
 * pool's file, of which systemd knows nothing. */

#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "enable.h"
#include "systemctl.h"
#include "unitlist.h"
#include "units/instance.h"

static const char enable_usage[] =
        "fpmctl enable NAME\n"
        "\n"
        "Checks the file of that pool, has systemd make its units (daemon-reload), and\n"
        "enables and starts fpmd@NAME.socket. Other pools are not touched. Ends with 1 when\n"
        "there is no such pool or systemd refuses, with 78 when its file is wrong.\n";

int enable_take_name(struct ctl *ctl, int argc, char *argv[], const char *usage, const char **ret, int *ret_exit) {
        static const struct option options[] = { CTL_COMMON_OPTIONS, {} };
        const char *error;
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
                if (ctl_option(ctl, c, usage, ret_exit) != 0)
                        return CTL_OPTION_E_EXIT;
        *ret_exit = CTL_EXIT_USAGE;
        if (optind + 1 != argc) {
                ctl_print_error("%s takes one pool's name; -h explains", argv[0]);
                return CTL_OPTION_E_EXIT;
        }
        error = instance_name_error(argv[optind]);
        if (error) {
                ctl_print_error("'%s': %s", argv[optind], error);
                return CTL_OPTION_E_EXIT;
        }
        *ret = argv[optind];
        return 0;
}

static int enable_check(const char *name) {
        _cleanup_unitlist_ struct unitlist list = {};
        const struct unitlist_pool *pool;
        int r;

        r = unitlist_read(&list);
        if (r < 0)
                return r;
        pool = unitlist_find(&list, name, strlen(name));
        if (!pool) {
                ctl_print_error("no pool '%s' in the folders of " FPMD_SYSCONFDIR "/units.conf", name);
                return -CTL_EXIT_FAILED;
        }
        if (!pool->problems)
                return 0;
        fputs(pool->problems, stderr);
        return -CTL_EXIT_CONFIG;
}

int enable_run(const char *const *words) {
        int r = systemctl_run(words, NULL);

        return r < 0 ? -r : r > 0 ? CTL_EXIT_FAILED : CTL_EXIT_OK;
}

int ctl_enable_main(struct ctl *ctl, int argc, char *argv[]) {
        char unit[sizeof("fpmd@.socket") + CONF_POOL_NAME_MAX];
        const char *const reload[] = { "daemon-reload", NULL };
        const char *const enable[] = { "enable", "--now", "--quiet", "--", unit, NULL };
        const char *name;
        int r, code;

        if (enable_take_name(ctl, argc, argv, enable_usage, &name, &code) != 0)
                return code;
        r = enable_check(name);
        if (r < 0)
                return -r;
        snprintf(unit, sizeof(unit), "fpmd@%s.socket", name);
        r = enable_run(reload);
        return r != CTL_EXIT_OK ? r : enable_run(enable);
}
