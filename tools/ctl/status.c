/* SPDX-License-Identifier: MIT */
/* fpmctl status: asks, collects until END, prints. */

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl.h"
#include "ownmaster.h"
#include "view.h"

#define TIMEOUT      (5 * USEC_PER_SEC)
#define STATUS_NAMES 8 /* that are told */

static const char usage[] = "fpmctl status [--full] [--json] [--timeout SECONDS] [POOL...]\n"
                            "\n"
                            "Shows the master, and each pool's zygotes and workers with their pids and numbers.\n"
                            "The master of a pool with a unit of its own is asked where the pool is named, and\n"
                            "where fpmd.service does not run; else their names are told.\n"
                            "\n"
                            "  --full               a line for each worker, and the names of all files read\n"
                            "  --json               for programs; with --full each worker too\n"
                            "  --timeout SECONDS    how long the master may take for each answer (5)\n";

struct options {
        bool full;
        bool json;
        usec_t timeout;
        char **pools;
        size_t n_pools;
};

static bool status_wanted(const struct options *o, const char *name) {
        for (size_t i = 0; i < o->n_pools; i++)
                if (strcmp(o->pools[i], name) == 0)
                        return true;
        return o->n_pools == 0;
}

/* Of which pools an answer is to go into the view. */
struct status_answer {
        const struct options *o;
        struct ctl_view *v;
};

static int status_take_answer(struct ipc_control_message *m, void *userdata) {
        const struct status_answer *a = userdata;
        struct ctl_view *v = a->v;

        switch (m->type) {
        case IPC_CONTROL_SERVICE:
                ipc_control_message_done(&v->message);
                v->message = *m;
                *m = (struct ipc_control_message){};
                return 1;
        case IPC_CONTROL_POOL:
                if (status_wanted(a->o, m->pool.name) && ctl_view_add_pool(v, m, time_now()) < 0) {
                        ctl_print_error("out of memory");
                        return -CTL_EXIT_FAILED;
                }
                return 1;
        case IPC_CONTROL_END:
                return 0;
        case IPC_CONTROL_REFUSED:
                ctl_print_error("status refused: %s", m->result.text);
                return -CTL_EXIT_FAILED;
        default:
                ctl_print_error("the master answered status with '%s'", ipc_control_type_name(m->type));
                return -CTL_EXIT_FAILED;
        }
}

static int status_collect(const struct ctl *ctl, const struct options *o, struct ctl_view *v) {
        const struct ipc_control_message request = { .type = IPC_CONTROL_STATUS };
        struct status_answer a = { o, v };

        return ctl_master_ask(ctl, o->timeout, &request, &(struct ctl_answer){ status_take_answer, &a });
}

int ctl_status_collect(const struct ctl *ctl, usec_t timeout, struct ctl_view *v) {
        const struct options all = { .timeout = timeout };

        return status_collect(ctl, &all, v);
}

static int status_check_names(const struct options *o, const struct ctl_view *v) {
        for (size_t i = 0; i < o->n_pools; i++) {
                size_t k = 0;

                while (k < v->n_pools && strcmp(v->pools[k].message.pool.name, o->pools[i]) != 0)
                        k++;
                if (k == v->n_pools) {
                        ctl_print_error("the service has no pool '%s'", o->pools[i]);
                        return CTL_EXIT_FAILED;
                }
        }
        return 0;
}

static int status_show(const struct options *o, const struct ctl_view *v) {
        _cleanup_text_ struct text out = {};

        if (v->message.type != IPC_CONTROL_SERVICE) {
                ctl_print_error("the master did not say who it is");
                return CTL_EXIT_FAILED;
        }
        if (o->json)
                ctl_view_json(v, o->full, &out);
        else
                ctl_view_text(v, o->full, &out);
        if (out.failed) {
                ctl_print_error("out of memory");
                return CTL_EXIT_FAILED;
        }
        fputs(text_peek(&out), stdout);
        return status_check_names(o, v);
}

static int status_parse_options(struct ctl *ctl, int argc, char *argv[], struct options *o, int *ret_exit) {
        enum { FULL = CTL_OPTION_OWN, JSON, WAIT };
        static const struct option options[] = { CTL_COMMON_OPTIONS,
                                                 { "full", no_argument, NULL, FULL },
                                                 { "json", no_argument, NULL, JSON },
                                                 { "timeout", required_argument, NULL, WAIT },
                                                 {} };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (c == FULL)
                        o->full = true;
                else if (c == JSON)
                        o->json = true;
                else if (c == WAIT) {
                        if (ctl_parse_seconds(optarg, &o->timeout) == 0)
                                continue;
                        ctl_print_error("--timeout wants seconds, not '%s'", optarg);
                        *ret_exit = CTL_EXIT_USAGE;
                        return CTL_OPTION_E_EXIT;
                } else if (ctl_option(ctl, c, usage, ret_exit) != 0)
                        return CTL_OPTION_E_EXIT;
        }
        o->pools = argv + optind;
        o->n_pools = (size_t)(argc - optind);
        return 0;
}

static int status_of(const struct ctl *ctl, const struct options *o) {
        _cleanup_view_ struct ctl_view v = {};
        int r = status_collect(ctl, o, &v);

        return r < 0 ? -r : status_show(o, &v);
}

static int status_of_own(const struct ctl *own, char **name, void *userdata) {
        struct options one = *(const struct options *)userdata;

        one.pools = name;
        one.n_pools = 1;
        return status_of(own, &one);
}

/* Where there is no other master: all of them. */
static int status_of_instances(const struct ctl *ctl, const struct options *o) {
        glob_t found = {};
        int r = 0;

        if (glob(OWNMASTER_FOLDER "*/" IPC_CONTROL_SOCKET, 0, NULL, &found) != 0 || (o->json && found.gl_pathc > 1))
                r = status_of(ctl, o); /* which names them */
        else
                for (size_t i = 0; i < found.gl_pathc; i++) {
                        fputs(i > 0 ? "\n" : "", stdout);
                        r = MAX(r, status_of(&(struct ctl){ .socket = found.gl_pathv[i] }, o));
                }
        globfree(&found);
        return r;
}

/* Beside that of fpmd.service. */
static void status_tell_instances(void) {
        glob_t found = {};

        if (glob(OWNMASTER_FOLDER "*/" IPC_CONTROL_SOCKET, 0, NULL, &found) == 0) {
                printf("\nwith a unit of their own run, see fpmctl list and fpmctl status NAME:");
                for (size_t i = 0; i < found.gl_pathc && i < STATUS_NAMES; i++) {
                        const char *name = found.gl_pathv[i] + strlen(OWNMASTER_FOLDER);

                        printf(" %.*s", (int)strcspn(name, "/"), name);
                }
                puts(found.gl_pathc > STATUS_NAMES ? " ..." : "");
        }
        globfree(&found);
}

int ctl_status_main(struct ctl *ctl, int argc, char *argv[]) {
        struct options o = { .timeout = TIMEOUT };
        bool named;
        int r = 0, code;

        if (status_parse_options(ctl, argc, argv, &o, &code) != 0)
                return code;
        named = o.n_pools > 0;
        if (!ctl->is_given && !(o.json && o.n_pools > 1))
                r = ownmaster_take(ctl, &(struct ownmaster_each){ status_of_own, &o, CTL_EXIT_UNAVAILABLE }, o.pools,
                                   &o.n_pools);
        if (named && o.n_pools == 0)
                return r;
        if (!ctl->is_given && o.n_pools == 0 && access(ctl->socket, F_OK) < 0 && errno == ENOENT)
                return status_of_instances(ctl, &o);
        r = MAX(r, status_of(ctl, &o));
        if (!ctl->is_given && !named && !o.json)
                status_tell_instances();
        return r;
}
