/* SPDX-License-Identifier: MIT */
/* fpmctl disable: the opposite of enable. The pool's file is not looked at, since a site's may have gone before it. */

#include <stdio.h>
#include <string.h>

#include "conf/model.h"
#include "ctl.h"
#include "deaf.h"
#include "enable.h"
#include "systemctl.h"
#include "unitlist.h"
#include "unitquery.h"

static const char usage[] = "fpmctl disable NAME\n"
                            "\n"
                            "Stops fpmd@NAME.socket and its service, takes them out of the boot, and says what\n"
                            "brings the pool back. Its file may have been removed already. Ends with 1 when there\n"
                            "is no such pool or unit, or systemd refuses.\n";

/* It has a file, or a unit that is up or enabled. 0, or an exit code. *ret: one of the two has failed. */
static int disable_check(const char *name, const char *socket, const char *service, bool *ret) {
        const char *const words[] = { "is-enabled", "--quiet", "--", socket, service, NULL };
        _cleanup_unitlist_ struct unitlist list = {};
        const struct unitlist_pool *pool;
        int r = unitlist_read(name, &list);

        if (r == 0)
                r = unitquery_ask(&list);
        if (r < 0)
                return -r;
        pool = unitlist_find(&list, name);
        *ret = pool && (text_equal(pool->service, "failed") || text_equal(pool->socket, "failed"));
        if (pool || systemctl_run(words, NULL) == 0)
                return CTL_EXIT_OK;
        ctl_print_error("there is no pool '%s', and no unit of that name; fpmctl list shows those that are there",
                        name);
        return CTL_EXIT_FAILED;
}

/* A pool whose file is still there may be fpmd.service's again, which gets sockets at a start alone. */
static void disable_tell_pool(const struct unitlist *list, const struct unitlist_pool *pool) {
        if (!pool->is_read_by_main || !(list->main_runs || list->main_listens))
                printf("Nobody listens for pool '%s' now: fpmctl enable %s brings it back\n", pool->name, pool->name);
        else
                printf("Nobody listens for pool '%s' now. fpmd.service reads %s too, and serves the pool from its next "
                       "start on, if it has a socket unit for it; else it leaves it out:\n"
                       "  systemctl restart fpmd.service\n"
                       "Until then its reloads are refused, unless that file is removed or gets another ending\n",
                       pool->name, pool->file);
}

/* What was done, and what comes next; of a pool whose file has gone nothing does. */
static void disable_tell(const char *name) {
        _cleanup_unitlist_ struct unitlist list = {};
        const struct unitlist_pool *pool;

        printf("fpmd@%s.socket and fpmd@%s.service are stopped, and start at no boot\n", name, name);
        if (unitlist_read(name, &list) < 0 || unitquery_ask(&list) < 0)
                return;
        pool = unitlist_find(&list, name);
        if (pool && *pool->file)
                disable_tell_pool(&list, pool);
}

int ctl_disable_main(struct ctl *ctl, int argc, char *argv[]) {
        char socket[sizeof("fpmd@.socket") + CONF_POOL_NAME_MAX], service[sizeof("fpmd@.service") + CONF_POOL_NAME_MAX];
        const char *const words[] = { "disable", "--now", "--quiet", "--", socket, service, NULL };
        const char *const forget[] = { "reset-failed", "--", socket, service, NULL };
        bool failed = false;
        const char *name;
        int r, code;

        if (enable_take_name(ctl, argc, argv, usage, &name, &code) != 0)
                return code;
        snprintf(socket, sizeof(socket), "fpmd@%s.socket", name);
        snprintf(service, sizeof(service), "fpmd@%s.service", name);
        r = disable_check(name, socket, service, &failed);
        if (r == CTL_EXIT_OK)
                r = enable_run(words);
        if (r == CTL_EXIT_OK && failed) /* else it is listed for as long as systemd remembers */
                r = enable_run(forget);
        if (r == CTL_EXIT_OK)
                r = deaf_mend(NULL);
        if (r == CTL_EXIT_OK)
                disable_tell(name);
        return r;
}
