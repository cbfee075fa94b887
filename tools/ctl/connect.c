/* SPDX-License-Identifier: MIT */
/* Finding a pool and connecting to it. Who may connect is the first thing to look at when it fails: so it is said. */

#include "connect.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/load.h"
#include "ctl.h"
#include "unitlist.h"
#include "unitquery.h"

/* A pool that is a unit of its own has its file in one of units.conf's folders. False: there is none of that name, or
 * its unit alone has the address. */
static bool connect_take_instance(const char *name, char **ret) {
        _cleanup_unitlist_ struct unitlist list = {};
        const struct unitlist_pool *p;

        if (unitlist_read(name, &list) < 0)
                return false;
        p = unitlist_find(&list, name);
        *ret = p && *p->listen && !text_equal(p->listen, "systemd") ? strdup(p->listen) : NULL;
        return *ret != NULL;
}

/* Where systemd listens for a pool whose file leaves that to it: by a unit of the pool's own, or one of fpmd.service's
 * with its name. False: no such unit is up, or nobody knows. */
static bool connect_ask_systemd(const char *name, char **ret) {
        _cleanup_free_ char *copy = strdup(name);
        _cleanup_unitlist_ struct unitlist list = {};
        const struct unitlist_pool *p;
        const char *address;

        if (!copy || unitlist_read(name, &list) < 0)
                return false;
        if (!unitlist_find(&list, name) && !unitlist_add_stray(&list, copy))
                return false;
        if (unitquery_ask(&list) < 0)
                return false;
        p = unitlist_find(&list, name);
        address = text_equal(p->socket, "active") ? p->unit_listen : p->main_listen;
        *ret = address ? strdup(address) : NULL;
        return *ret != NULL;
}

static int connect_tell_systemds(const char *config, const char *name) {
        ctl_print_error("pool '%s' of %s listens where systemd says (listen = systemd), %s; systemctl list-sockets "
                        "shows what is up, and --connect takes an address",
                        name, config,
                        text_equal(config, CTL_CONFIG_DEFAULT)
                                ? "and no socket unit of its own or of fpmd.service's is up that has its name"
                                : "whose units for that are not known here");
        return CTL_EXIT_CONFIG;
}

/* Somebody may listen there; the file of a socket is there for as long as systemd or a pool has it. */
static bool connect_is_there(const struct conf_pool *pool) {
        return pool->listen && (pool->listen[0] != '/' || access(pool->listen, F_OK) == 0);
}

/* The first one, unless that has no socket, and another has. */
static const struct conf_pool *connect_choose(const struct conf *conf) {
        for (size_t i = 0; i < conf->n_pools; i++)
                if (connect_is_there(&conf->pools[i])) {
                        if (i > 0)
                                ctl_print_error(
                                        "pool '%s', as nobody listens for '%s', the first one; --pool names another",
                                        conf->pools[i].name, conf->pools[0].name);
                        return &conf->pools[i];
                }
        return &conf->pools[0];
}

int ctl_connect_configured(const char *config, const char *pool_name, char **ret) {
        const struct conf_options options = { .text_only = true };
        bool is_default = text_equal(config, CTL_CONFIG_DEFAULT);
        _cleanup_text_ struct text problems = {};
        _cleanup_conf_ struct conf *conf = NULL;
        const struct conf_pool *pool;
        int r;

        r = conf_load(config, &options, &conf, &problems);
        pool = r != 0 ? NULL : pool_name ? conf_find_pool(conf, pool_name) : connect_choose(conf);
        if (!pool && pool_name && is_default && connect_take_instance(pool_name, ret))
                return 0;
        if (r != 0) {
                fputs(text_peek(&problems), stderr);
                ctl_print_error("cannot take the address from %s; --connect names one", config);
                return CTL_EXIT_CONFIG;
        }
        if (!pool || !pool->listen) {
                ctl_print_error("%s has no pool '%s'%s", config, pool_name ? pool_name : "",
                                is_default ? ", nor have the folders of " FPMD_SYSCONFDIR
                                             "/units.conf one with an address; -y names another file"
                                           : "");
                return CTL_EXIT_CONFIG;
        }
        if (text_equal(pool->listen, "systemd"))
                return is_default && connect_ask_systemd(pool->name, ret) ? 0
                                                                          : connect_tell_systemds(config, pool->name);
        *ret = strdup(pool->listen);
        return *ret ? 0 : CTL_EXIT_FAILED;
}

static void connect_tell_no_access(const char *path) {
        const struct passwd *user;
        const struct group *group;
        struct stat st;

        if (stat(path, &st) < 0) {
                ctl_print_error("no permission to reach %s: sudo asks as root", path);
                return;
        }
        user = getpwuid(st.st_uid);
        group = getgrgid(st.st_gid);
        ctl_print_error("no permission to connect to %s: it is for user %s and group %s (mode %04o); sudo asks as root",
                        path, user ? user->pw_name : "?", group ? group->gr_name : "?", (unsigned)st.st_mode & 07777U);
}

static int tell_no_connection(const char *address, int error) {
        switch (error) {
        case EACCES:
        case EPERM:
                connect_tell_no_access(address);
                break;
        case ENOENT:
                ctl_print_error("nobody listens on %s: there is no such socket; sudo fpmctl doctor says what to start",
                                address);
                break;
        case ECONNREFUSED:
                ctl_print_error("nobody listens on %s: connection refused; sudo fpmctl doctor says what to start",
                                address);
                break;
        default:
                ctl_print_error("cannot connect to %s: %s", address, strerror(error));
        }
        return CTL_EXIT_UNAVAILABLE;
}

int ctl_connect_parse(const char *address, struct addr *ret) {
        int r;

        r = addr_parse(address, ret);
        if (r < 0)
                ctl_print_error(
                        "'%s' is no address to connect to (%s); --connect takes a socket path, HOST:PORT or PORT",
                        address, strerror(-r));
        return r < 0 ? CTL_EXIT_USAGE : 0;
}

int ctl_connect_open(const char *address, const struct addr *a, int *ret) {
        _cleanup_fd_ int fd = -1;

        fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, &a->sa, a->n) < 0)
                return tell_no_connection(address, errno);
        *ret = TAKE_FD(fd);
        return 0;
}
