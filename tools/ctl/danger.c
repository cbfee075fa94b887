/* SPDX-License-Identifier: MIT */
/*
 * Each danger is a row: a test of one pool, the directive it is about, and what it means in words. FastCGI has no
 * passwords: whoever can connect to a pool can run any PHP file on this machine, and with PHP_ADMIN_VALUE any code. So
 * most rows are about who can connect.
 */

#include "danger.h"
#include "base/account.h"
#include "conf/rows.h"
#include "units/socketunit.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool danger_is_open_tcp(const char *listen) {
        static const char *const loopback[] = { "127.", "localhost:", "[::1]:", "::1:" };

        if (!socketunit_is_tcp(listen))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(loopback); i++)
                if (text_has_prefix(listen, loopback[i]))
                        return false;
        return true;
}

static bool danger_anybody_on_the_network(const struct conf_pool *pool) {
        return danger_is_open_tcp(pool->listen) && !pool->listen_allowed_clients;
}

static bool danger_anybody_on_this_machine(const struct conf_pool *pool) {
        return pool->listen && pool->listen[0] == '/' && (pool->listen_mode & S_IWOTH) && !pool->listen_acl_users &&
               !pool->listen_acl_groups;
}

static bool danger_is_root(const struct conf_pool *pool) {
        return pool->user && account_is_root_user(pool->user);
}

static bool danger_any_extension(const struct conf_pool *pool) {
        return !pool->limit_extensions || !pool->limit_extensions[0];
}

static bool danger_settings_over_tcp(const struct conf_pool *pool) {
        return pool->wire_ini && socketunit_is_tcp(pool->listen);
}

/* What the kernel gives a dumpable process: its own memory as a file that its user may write. */
static bool danger_writes_its_memory(const struct conf_pool *pool) {
        return pool->request_slowlog_timeout > 0 && !pool->process_dumpable;
}

static bool danger_is_dumpable(const struct conf_pool *pool) {
        return pool->process_dumpable;
}

static bool danger_shared_with_scripts(const struct conf_pool *pool) {
        return socketunit_is_tcp(pool->listen) && pool->listen_shards > 1 && geteuid() != 0;
}

static const struct {
        bool (*applies)(const struct conf_pool *pool);
        enum conf_pool_row row;
        const char *means;
} rows[] = {
        { danger_anybody_on_the_network, CONF_POOL_listen,
          "every host that reaches this address can run PHP here; set listen.allowed_clients, or use a unix socket" },
        { danger_anybody_on_this_machine, CONF_POOL_listen_mode,
          "every user of this machine can run PHP as this pool's user" },
        { danger_is_root, CONF_POOL_user, "PHP code of this pool runs as root" },
        { danger_any_extension, CONF_POOL_limit_extensions,
          "files of every kind are run as PHP, uploaded pictures for one" },
        { danger_settings_over_tcp, CONF_POOL_wire_ini,
          "PHP_VALUE and PHP_ADMIN_VALUE are taken from whoever connects over TCP; security.wire_ini = no ignores "
          "them" },
        { danger_writes_its_memory, CONF_POOL_request_slowlog_timeout,
          "the slow log makes workers dumpable where fpmd is not root and kernel.yama.ptrace_scope is 0, or in a "
          "chroot: a "
          "script can write its own memory through /proc/self/mem, past disable_functions and open_basedir" },
        { danger_is_dumpable, CONF_POOL_process_dumpable,
          "a script can write its own memory through /proc/self/mem, past disable_functions and open_basedir" },
        { danger_shared_with_scripts, CONF_POOL_listen_shards,
          "every process of the user that binds the sockets, a script of the pool too, can bind the same address and "
          "gets a share of the connections; systemd's sockets are root's, and 1 shares nothing" },
};

void danger_list(const struct conf *conf, struct text *out) {
        for (size_t i = 0; i < conf->n_pools; i++) {
                const struct conf_pool *pool = &conf->pools[i];

                for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                        const struct conf_where *w =
                                pool->given[rows[k].row].file ? &pool->given[rows[k].row] : &pool->where;

                        if (rows[k].applies(pool))
                                text_printf(out, "[%s:%u] warning: pool '%s', %s: %s\n", w->file, w->line, pool->name,
                                            conf_pool_directives[rows[k].row].name, rows[k].means);
                }
        }
}
