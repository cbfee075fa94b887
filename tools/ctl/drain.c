/* SPDX-License-Identifier: MIT */
/* fpmctl drain, undrain: load balancers are told to send pools nothing, and this is waited for. */

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "ctl.h"
#include "ownmaster.h"
#include "view.h"

/* Between two looks. */
#define DRAIN_LOOK_MS 250

/* Nothing has come for so long: load balancers have heard of it. They ask every second or two. */
#define DRAIN_QUIET (5 * USEC_PER_SEC)

static const char usage[] =
        "fpmctl drain [--wait] [--timeout SECONDS] [POOL...]\n"
        "fpmctl undrain [POOL...]\n"
        "\n"
        "Has /ready of the named pools, or of all, answer 503 and agent-check \"drain\", so that load balancers send\n"
        "their requests elsewhere. What comes all the same is served. A reload does not end this; a restart and\n"
        "undrain do.\n"
        "\n"
        "  --wait               until nothing is in hand, and no request has come for 5 seconds\n"
        "  --timeout SECONDS    wait no longer, and end with 1; the pools drain on\n";

static bool drain_concerns(const struct ipc_control_list *pools, const char *name) {
        for (size_t i = 0; i < pools->n; i++)
                if (strcmp(pools->items[i], name) == 0)
                        return true;
        return pools->n == 0;
}

/* What is in hand, and the requests there have ever been. */
static void drain_add(const struct status_snapshot *s, uint64_t *in_hand, uint64_t *requests) {
        const uint64_t in[] = { s->n_active, s->listen_queue, s->park[SCOREBOARD_PARK_receiving],
                                s->park[SCOREBOARD_PARK_waiting], s->park[SCOREBOARD_PARK_writing] };

        for (size_t i = 0; i < ELEMENTSOF(in); i++)
                *in_hand = number_add(*in_hand, in[i]);
        *requests = number_add(*requests, s->requests);
}

/* 0, or a negative exit code. */
static int drain_look(const struct ctl *ctl, const struct ipc_control_list *pools, uint64_t *ret_in_hand,
                      uint64_t *ret_requests) {
        _cleanup_view_ struct ctl_view v = {};
        int r = ctl_status_collect(ctl, 0, &v);

        *ret_in_hand = *ret_requests = 0;
        for (size_t i = 0; i < v.n_pools && r == 0; i++)
                if (v.pools[i].error == 0 && drain_concerns(pools, v.pools[i].message.pool.name))
                        drain_add(&v.pools[i].snapshot, ret_in_hand, ret_requests);
        return r;
}

static int drain_wait(const struct ctl *ctl, const struct ipc_control_list *pools, usec_t timeout) {
        usec_t begin = time_now(), quiet = begin;
        uint64_t last = 0;

        for (;;) {
                uint64_t in_hand, requests;
                usec_t now = time_now();
                int r = drain_look(ctl, pools, &in_hand, &requests);

                if (r < 0)
                        return -r;
                if (in_hand > 0 || requests != last)
                        quiet = now;
                if (now - quiet >= DRAIN_QUIET)
                        return CTL_EXIT_OK;
                if (timeout > 0 && now - begin >= timeout) {
                        ctl_print_error("not drained in time: %llu requests are in hand, %llu have been served",
                                        (unsigned long long)in_hand, (unsigned long long)requests);
                        return CTL_EXIT_FAILED;
                }
                last = requests;
                poll(NULL, 0, DRAIN_LOOK_MS);
        }
}

/* What is asked for, of one master or of several. */
struct drain_order {
        enum ipc_control_type type;
        bool waits;
        usec_t timeout;
};

static int drain_order(const struct ctl *ctl, const struct drain_order *o, const struct ipc_control_list *pools) {
        int code = ctl_master_order(ctl, 0,
                                    &(struct ipc_control_message){ .type = o->type, .request = { .pools = *pools } });

        return code == CTL_EXIT_OK && o->waits ? drain_wait(ctl, pools, o->timeout) : code;
}

static int drain_own(const struct ctl *own, char **name, void *userdata) {
        return drain_order(own, userdata, &(struct ipc_control_list){ .items = name, .n = 1 });
}

static int drain_run(struct ctl *ctl, int argc, char *argv[], enum ipc_control_type type) {
        enum { WAIT = CTL_OPTION_OWN, TIMEOUT };
        static const struct option options[] = { CTL_COMMON_OPTIONS,
                                                 { "wait", no_argument, NULL, WAIT },
                                                 { "timeout", required_argument, NULL, TIMEOUT },
                                                 {} };
        struct ipc_control_list pools;
        struct drain_order order;
        usec_t timeout = 0;
        bool waits = false;
        int c, code;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (c == WAIT)
                        waits = true;
                else if (c == TIMEOUT) {
                        if (ctl_parse_seconds(optarg, &timeout) < 0) {
                                ctl_print_error("--timeout wants seconds, not '%s'", optarg);
                                return CTL_EXIT_USAGE;
                        }
                } else if (ctl_option(ctl, c, usage, &code) != 0)
                        return code;
        }
        if ((waits || timeout > 0) && (type == IPC_CONTROL_UNDRAIN || !waits)) {
                ctl_print_error("%s", type == IPC_CONTROL_UNDRAIN ? "undrain has nothing to wait for"
                                                                  : "--timeout is for --wait");
                return CTL_EXIT_USAGE;
        }
        pools = (struct ipc_control_list){ .items = argv + optind, .n = (size_t)(argc - optind) };
        order = (struct drain_order){ .type = type, .waits = waits, .timeout = timeout };
        if (pools.n == 0 || ctl->is_given)
                return drain_order(ctl, &order, &pools);
        code = ownmaster_take(ctl, &(struct ownmaster_each){ drain_own, &order, CTL_EXIT_OK }, pools.items, &pools.n);
        return pools.n == 0 ? code : MAX(code, drain_order(ctl, &order, &pools));
}

int ctl_drain_main(struct ctl *ctl, int argc, char *argv[]) {
        return drain_run(ctl, argc, argv, IPC_CONTROL_DRAIN);
}

int ctl_drain_end_main(struct ctl *ctl, int argc, char *argv[]) {
        return drain_run(ctl, argc, argv, IPC_CONTROL_UNDRAIN);
}
