/* SPDX-License-Identifier: MIT */
#include "ownmaster.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/ownunit.h"
#include "systemctl.h"
#include "unitlist.h"
#include "unitquery.h"
#include "units/instance.h"

/* The control socket of the pool's own master, into ret. False: there is none. */
static bool ownmaster_find(const char *name, char ret[static PATH_MAX]) {
        return !strchr(name, '/') &&
               snprintf(ret, PATH_MAX, OWNMASTER_FOLDER "%s/" IPC_CONTROL_SOCKET, name) < PATH_MAX &&
               access(ret, F_OK) == 0;
}

/* The service's last word. */
static void ownmaster_put_reason(const char *name, struct text *out) {
        char unit[sizeof("fpmd@.service") + CONF_POOL_NAME_MAX];
        const char *const words[] = { "show", "--property=StatusText", "--value", "--", unit, NULL };
        _cleanup_text_ struct text said = {};

        snprintf(unit, sizeof(unit), "fpmd@%s.service", name);
        if (systemctl_run(words, &said) == 0 && said.n > 1)
                text_printf(out, "%.*s; ", (int)strcspn(text_peek(&said), "\n"), text_peek(&said));
}

static int ownmaster_tell_failed(const char *name) {
        _cleanup_text_ struct text reason = {};

        ownmaster_put_reason(name, &reason);
        ctl_print_error(
                "fpmd@%s.service has failed: %ssystemctl status fpmd@%s.service and sudo fpmctl doctor say why; "
                "after that is mended: fpmctl enable %s",
                name, text_peek(&reason), name, name);
        return CTL_EXIT_FAILED;
}

static int ownmaster_tell_pool(const struct unitlist *list, const char *name, int asleep) {
        const struct unitlist_pool *pool = unitlist_find(list, name);

        if (!pool)
                ctl_print_error("there is no pool '%s'; fpmctl list shows those that are there", name);
        else if (text_equal(pool->service, "failed") || text_equal(pool->socket, "failed"))
                return ownmaster_tell_failed(name);
        else if (text_equal(pool->socket, "active")) {
                ctl_print_error(
                        "pool '%s' sleeps: the next connection starts fpmd@%s.service, which reads its file then", name,
                        name);
                return asleep;
        } else
                ctl_print_error("pool '%s' is off: fpmctl enable %s has it served by fpmd@%s.service", name, name,
                                name);
        return CTL_EXIT_FAILED;
}

/* -1: it is for the master of fpmd.service to tell of. Else an exit code, and it has been told. */
static int ownmaster_tell(const struct ctl *ctl, const char *name, int asleep) {
        bool runs = access(ctl->socket, F_OK) == 0 || errno != ENOENT;
        _cleanup_unitlist_ struct unitlist list = {};
        const struct unitlist_pool *pool;

        if (instance_name_error(name) || (runs && !conf_ownunit_is_enabled(FPMD_UNIT_FOLDERS, name)))
                return -1;
        if (unitlist_read(name, &list) < 0 || unitquery_ask(&list) < 0)
                return -1;
        pool = unitlist_find(&list, name);
        if (pool && unitlist_is_shared(&list, pool))
                return -1;
        return ownmaster_tell_pool(&list, name, asleep);
}

int ownmaster_take(const struct ctl *ctl, const struct ownmaster_each *each, char **names, size_t *n) {
        size_t n_left = 0, n_all = *n;
        char path[PATH_MAX];
        int r = 0, code;

        for (size_t i = 0; i < n_all; i++) {
                if (ownmaster_find(names[i], path))
                        r = MAX(r, each->each(&(struct ctl){ .socket = path }, &names[i], each->userdata));
                else {
                        code = ownmaster_tell(ctl, names[i], each->asleep);
                        r = MAX(r, code);
                        if (code < 0)
                                names[n_left++] = names[i];
                }
        }
        *n = n_left;
        return r;
}
