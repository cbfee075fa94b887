/* SPDX-License-Identifier: MIT */
/* fpmctl disable: the opposite of enable. The pool's file is not looked at, since a site's may have gone before it. */

#include <stdio.h>

#include "conf/model.h"
#include "ctl.h"
#include "enable.h"

static const char usage[] = "fpmctl disable NAME\n"
                            "\n"
                            "Stops fpmd@NAME.socket and its service, and takes them out of the boot. The pool's\n"
                            "file may have been removed already. Ends with 1 when systemd refuses.\n";

int ctl_disable_main(struct ctl *ctl, int argc, char *argv[]) {
        char socket[sizeof("fpmd@.socket") + CONF_POOL_NAME_MAX], service[sizeof("fpmd@.service") + CONF_POOL_NAME_MAX];
        const char *const words[] = { "disable", "--now", "--quiet", "--", socket, service, NULL };
        const char *name;
        int code;

        if (enable_take_name(ctl, argc, argv, usage, &name, &code) != 0)
                return code;
        snprintf(socket, sizeof(socket), "fpmd@%s.socket", name);
        snprintf(service, sizeof(service), "fpmd@%s.service", name);
        return enable_run(words);
}
