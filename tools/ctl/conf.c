/* SPDX-License-Identifier: MIT */
/* Reading a configuration for a command that is about one. */

#include <stdio.h>
#include <string.h>

#include "conf/load.h"
#include "ctl.h"

int ctl_load_conf(const char *path, const struct conf_options *options, struct conf **ret) {
        _cleanup_text_ struct text problems = {};
        int r;

        r = conf_load(path, options, ret, &problems);
        if (r < 0) {
                ctl_print_error("%s: %s", path, strerror(-r));
                return -CTL_EXIT_FAILED;
        }
        fputs(text_peek(&problems), stderr);
        return r == CONF_E_INVALID ? -CTL_EXIT_CONFIG : 0;
}
