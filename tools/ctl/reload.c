/* SPDX-License-Identifier: MIT */
/* fpmctl reload: asks for new generations and waits until the master knows how it went. */

#include <stdio.h>

#include "ctl.h"
#include "ownmaster.h"

static const char usage[] =
        "fpmctl reload [--timeout SECONDS] [--changed | POOL...]\n"
        "\n"
        "Starts a new generation of the named pools, or of all, and waits until it has taken over, "
        "however long that takes.\n"
        "Ends with 0 when it has, with 1 when the reload was refused or failed and the old "
        "generation goes on serving (stderr\n"
        "says why), with 69 when no master answers, or not in time.\n"
        "\n"
        "A pool with a unit of its own is renewed by its own master; one that sleeps needs no "
        "reload.\n"
        "\n"
        "  --changed            only the pools whose settings have changed since they were started, new\n"
        "                       ones, and those that are gone; PHP's own files are not looked at\n"
        "  --timeout SECONDS    wait no longer; the reload itself goes on\n";

enum { OPTION_CHANGED = CTL_OPTION_OWN + 1 };

static int reload_own(const struct ctl *own, char **name, void *userdata) {
        struct ipc_control_message request = { .type = IPC_CONTROL_RELOAD };
        const usec_t *timeout = userdata;

        request.request.pools = (struct ipc_control_list){ .items = name, .n = 1 };
        return ctl_master_order(own, *timeout, &request);
}

/* The names that are left are for the master of all others. */
static int reload_named(const struct ctl *ctl, usec_t timeout, struct ipc_control_message *request) {
        struct ipc_control_list *pools = &request->request.pools;
        int r = 0;

        if (!ctl->is_given)
                r = ownmaster_take(ctl, &(struct ownmaster_each){ reload_own, &timeout, CTL_EXIT_OK }, pools->items,
                                   &pools->n);
        return pools->n == 0 ? r : MAX(r, ctl_master_order(ctl, timeout, request));
}

int ctl_reload_main(struct ctl *ctl, int argc, char *argv[]) {
        static const struct option options[] = { CTL_COMMON_OPTIONS,
                                                 { "timeout", required_argument, NULL, CTL_OPTION_OWN },
                                                 { "changed", no_argument, NULL, OPTION_CHANGED },
                                                 {} };
        struct ipc_control_message request = { .type = IPC_CONTROL_RELOAD };
        struct ipc_control_request *what = &request.request;
        usec_t timeout = 0;
        int c, code;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (c == CTL_OPTION_OWN) {
                        if (ctl_parse_seconds(optarg, &timeout) < 0) {
                                ctl_print_error("--timeout wants seconds, not '%s'", optarg);
                                return CTL_EXIT_USAGE;
                        }
                } else if (c == OPTION_CHANGED)
                        what->changed = true;
                else if (ctl_option(ctl, c, usage, &code) != 0)
                        return code;
        }
        what->pools = (struct ipc_control_list){ .items = argv + optind, .n = (size_t)(argc - optind) };
        if (what->changed && what->pools.n > 0) {
                ctl_print_error("--changed finds the pools itself: it takes no '%s'", argv[optind]);
                return CTL_EXIT_USAGE;
        }
        return what->pools.n > 0 ? reload_named(ctl, timeout, &request) : ctl_master_order(ctl, timeout, &request);
}
