/* SPDX-License-Identifier: MIT */
/* fpmctl enable: a pool's socket unit, now and at each boot. What it does is systemctl's; what is checked before is the
 * pool's file, of which systemd knows nothing, and who has its address: of two units at one path systemd gives the file
 * to the second, and removes it with the first. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/account.h"
#include "base/addr.h"
#include "base/fd.h"
#include "ctl.h"
#include "deaf.h"
#include "doctor/collect.h"
#include "enable.h"
#include "systemctl.h"
#include "unitblock.h"
#include "unitlist.h"
#include "unitquery.h"
#include "units/instance.h"

static const char enable_usage[] =
        "fpmctl enable NAME\n"
        "\n"
        "Checks the file of that pool, enables fpmd@NAME.socket, has systemd make its\n"
        "units (daemon-reload), and starts it. Where fpmd.service has served the pool it\n"
        "is reloaded, and leaves it to its unit. A socket whose address or rights have changed\n"
        "is made anew, and so are those of other pools that do not listen any more. Ends with\n"
        "1 when there is no such pool, when another socket unit has its address, or systemd\n"
        "refuses, with 78 when its file is wrong, cannot be read by its user, or names a user\n"
        "that does not exist.\n";

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

/* A socket unit that is up at the pool's address, and does not give way to the pool's own, as fpmd.socket does: when it
 * stops it would take away the file that the pool's own has made. Its name, into ret. */
static bool enable_is_in_the_way(const char *block, const char *own, const char *address, char ret[static 256]) {
        return unitblock_id(block, ret) && unitblock_has_line(block, "ActiveState=active") &&
               unitblock_listens_at(block, address) && !text_equal(ret, own) && !text_equal(ret, "fpmd.socket");
}

/* Somebody may listen there: a socket has its file, or keeps others from the port. */
static bool enable_may_be_taken(const char *address) {
        _cleanup_fd_ int fd = -1;
        struct addr a;
        int yes = 1;

        if (address[0] == '/')
                return faccessat(AT_FDCWD, address, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
        if (addr_parse(address, &a) < 0)
                return true;
        fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 || bind(fd, &a.sa, a.n) < 0;
}

/* A pool's own unit whose file is there is another site, which is not to be stopped. */
static void enable_tell_taken(const char *block, const char *other, const struct unitlist_pool *pool,
                              const char *address) {
        char file[CONF_PATH_BYTES + 1] = "", name[CONF_POOL_NAME_MAX + 1];
        const char *lines = block;

        (void)unitblock_next_word(&lines, "SourcePath=", file);
        if (unitblock_take_pool(other, name) && (!*file || access(file, F_OK) == 0))
                ctl_print_error(
                        "pool '%s'%s%s has listen = %s already, and %s listens there: choose another listen for "
                        "pool '%s' in %s, then the same command again",
                        name, *file ? " in " : "", file, address, other, pool->name, pool->file);
        else
                ctl_print_error("%s listens on %s: systemctl disable --now %s, then the same command again", other,
                                address, other);
}

/* All socket units are asked for, which takes systemd long where there are thousands: so not where nobody listens. */
static int enable_check_address(const char *unit, const struct unitlist_pool *pool) {
        static const char *const words[] = { "show", "--property=Id,ActiveState,Listen,SourcePath", "--", "*.socket",
                                             NULL };
        char buf[CONF_PATH_BYTES + 1], other[256], *rest, *block;
        const char *address = unitlist_address(pool, buf);
        _cleanup_text_ struct text out = {};
        int r;

        if (address == pool->listen || !enable_may_be_taken(address))
                return 0; /* a host that is looked up later, or systemd says itself what is wrong */
        r = systemctl_run(words, &out);
        if (r < 0)
                return r;
        if (r > 0 || !out.data)
                return 0;
        rest = out.data;
        while ((block = unitblock_next(&rest))) {
                if (!enable_is_in_the_way(block, unit, address, other))
                        continue;
                enable_tell_taken(block, other, pool, address);
                return -CTL_EXIT_FAILED;
        }
        return 0;
}

/* Those that systemd looks for when the service starts, which is late: each request would fail then. */
static int enable_check_user(const struct unitlist_pool *pool) {
        struct account user;
        gid_t group;

        if (*pool->user && account_user(pool->user, &user) == -ENOENT)
                ctl_print_error(
                        "pool '%s' is to run as user '%s' (%s), and there is no such user: sudo useradd --system "
                        "--no-create-home %s makes it",
                        pool->name, pool->user, pool->file, pool->user);
        else if (*pool->group && account_group(pool->group, &group) == -ENOENT)
                ctl_print_error("pool '%s' is to run as group '%s' (%s), and there is no such group: sudo groupadd "
                                "--system %s makes it",
                                pool->name, pool->group, pool->file, pool->group);
        else
                return 0;
        return -CTL_EXIT_CONFIG;
}

/* The service reads it as its user, at its start: which is late too. */
static int enable_check_file(const struct unitlist_pool *pool) {
        const char *user = *pool->user ? pool->user : *pool->runs_as ? pool->runs_as : "www-data";
        char obstacle[PATH_MAX];

        if (doctor_reach_may_read(user, pool->file, obstacle) != DOCTOR_NO)
                return 0;
        ctl_print_error("pool '%s' runs as user '%s', who cannot read its file %s: %s is closed to that user; sudo "
                        "chmod a+r%s %s, or chgrp and chmod g+r%s for that user alone",
                        pool->name, user, pool->file, obstacle, text_equal(obstacle, pool->file) ? "" : "x", obstacle,
                        text_equal(obstacle, pool->file) ? "" : "x");
        return -CTL_EXIT_CONFIG;
}

/* *ret: for the caller, borrowed of the list. */
static int enable_check(const char *name, const char *unit, const struct unitlist_pool **ret, struct unitlist *list) {
        const struct unitlist_pool *pool;
        int r;

        r = unitlist_read(name, list);
        if (r == 0)
                r = unitquery_ask(list);
        if (r < 0)
                return r;
        pool = unitlist_find(list, name);
        if (!pool || pool->is_stray) {
                ctl_print_error("no pool '%s' in the folders of " FPMD_SYSCONFDIR
                                "/units.conf; fpmctl list shows those that are there",
                                name);
                return -CTL_EXIT_FAILED;
        }
        *ret = pool;
        if (pool->problems) {
                fputs(pool->problems, stderr);
                return -CTL_EXIT_CONFIG;
        }
        r = enable_check_user(pool);
        if (r == 0)
                r = enable_check_file(pool);
        return r < 0 ? r : enable_check_address(unit, pool);
}

int enable_run(const char *const *words) {
        int r = systemctl_run(words, NULL);

        return r < 0 ? -r : r > 0 ? CTL_EXIT_FAILED : CTL_EXIT_OK;
}

/* What systemctl does not say of a reload that was refused. */
static void enable_tell_refusal(void) {
        static const char *const words[] = { "show", "--property=StatusText", "--value", "--", "fpmd.service", NULL };
        _cleanup_text_ struct text out = {};

        if (systemctl_run(words, &out) == 0 && out.n > 1)
                fprintf(stderr, "fpmd.service: %s", text_peek(&out));
}

/* The instance is enabled: a reload of fpmd.service leaves the pool to it. */
static int enable_take_over(const char *name) {
        static const char *const is_active[] = { "is-active", "--quiet", "--", "fpmd.service", NULL };
        static const char *const reload[] = { "reload", "--", "fpmd.service", NULL };
        int r;

        if (systemctl_run(is_active, NULL) != 0)
                return CTL_EXIT_OK;
        r = enable_run(reload);
        if (r == CTL_EXIT_OK)
                printf("fpmd.service has been reloaded, and has left pool '%s' to fpmd@%s.socket\n", name, name);
        else {
                enable_tell_refusal();
                ctl_print_error("fpmd.service has pool '%s' as well until it is reloaded: mend what it says, then "
                                "systemctl reload fpmd.service",
                                name);
        }
        return r;
}

/* A unit that has failed, of a file that has been mended since maybe: systemd's limits count from here on. */
static int enable_forget_failure(const struct unitlist_pool *pool) {
        char socket[sizeof("fpmd@.socket") + CONF_POOL_NAME_MAX], service[sizeof("fpmd@.service") + CONF_POOL_NAME_MAX];
        const char *const words[] = { "reset-failed", "--", socket, service, NULL };

        if (!text_equal(pool->socket, "failed") && !text_equal(pool->service, "failed"))
                return CTL_EXIT_OK;
        snprintf(socket, sizeof(socket), "fpmd@%s.socket", pool->name);
        snprintf(service, sizeof(service), "fpmd@%s.service", pool->name);
        return enable_run(words);
}

/* Clients that wait may have started the service, and it may have failed, by now. */
static int enable_look(const char *unit) {
        const char *const words[] = { "is-active", "--quiet", "--", unit, NULL };
        int r = systemctl_run(words, NULL);

        if (r == 0)
                return CTL_EXIT_OK;
        ctl_print_error("%s does not listen: systemctl status %s; fpmctl doctor says why", unit, unit);
        return r < 0 ? -r : CTL_EXIT_FAILED;
}

/* The address is what systemd has now, which "systemctl edit" may have changed. */
static void enable_tell(const struct unitlist_pool *pool, const char *unit) {
        const char *const words[] = { "show", "--property=Listen", "--", unit, NULL };
        char address[CONF_PATH_BYTES + 1];
        _cleanup_text_ struct text out = {};
        bool known = systemctl_run(words, &out) == 0;
        const char *lines = text_peek(&out);

        known = known && unitblock_next_word(&lines, "Listen=", address);
        printf("%s is enabled, and listens on %s: the first connection starts the service\n"
               "fpmctl list shows what it does; after a change of %s: systemctl try-reload-or-restart fpmd@%s\n",
               unit, known ? address : unitlist_address(pool, address), pool->file, pool->name);
}

static int enable_all(const struct unitlist_pool *pool, const char *unit) {
        /* With a daemon-reload between the two, which has the pool's units made; of thousands one takes seconds. */
        const char *const enable[] = { "enable", "--now", "--quiet", "--", unit, NULL };
        int r = enable_forget_failure(pool);

        if (r == CTL_EXIT_OK)
                r = enable_run(enable);
        if (r == CTL_EXIT_OK && pool->is_read_by_main)
                r = enable_take_over(pool->name);
        if (r == CTL_EXIT_OK)
                r = deaf_mend(unit);
        if (r == CTL_EXIT_OK)
                r = enable_look(unit);
        if (r == CTL_EXIT_OK)
                enable_tell(pool, unit);
        return r;
}

int ctl_enable_main(struct ctl *ctl, int argc, char *argv[]) {
        char unit[sizeof("fpmd@.socket") + CONF_POOL_NAME_MAX];
        _cleanup_unitlist_ struct unitlist list = {};
        const struct unitlist_pool *pool;
        const char *name;
        int r, code;

        if (enable_take_name(ctl, argc, argv, enable_usage, &name, &code) != 0)
                return code;
        snprintf(unit, sizeof(unit), "fpmd@%s.socket", name);
        r = enable_check(name, unit, &pool, &list);
        return r < 0 ? -r : enable_all(pool, unit);
}
