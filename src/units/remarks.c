/* SPDX-License-Identifier: MIT */
/*
 * Each remark is a row: a test of one pool, the directive it is about, and what to do. They do not keep the unit from
 * being made; without what they ask for its start may fail, and says so.
 */

#include "units/remarks.h"

#include <stdio.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conf.h"
#include "conf/rows.h"

/* The path lies elsewhere than in the folder of that kind, which the unit makes for its user. */
static bool remarks_is_outside(const struct conf_pool *pool, const char *path, const char *folder) {
        char beginning[64 + CONF_POOL_NAME_MAX];

        if (!path || path[0] != '/')
                return false;
        snprintf(beginning, sizeof(beginning), "%s%s/", folder, pool->name);
        return !text_has_prefix(path, beginning) || strstr(path, "/../");
}

static bool remarks_has_no_user(const struct conf_pool *pool) {
        return !pool->user;
}

static bool remarks_access_log_is_outside(const struct conf_pool *pool) {
        return remarks_is_outside(pool, pool->access_log, "/var/log/fpmd/");
}

static bool remarks_slow_log_is_outside(const struct conf_pool *pool) {
        return pool->request_slowlog_timeout > 0 && remarks_is_outside(pool, pool->slowlog, "/var/log/fpmd/");
}

static bool remarks_status_socket_is_outside(const struct conf_pool *pool) {
        return remarks_is_outside(pool, pool->status_listen, "/run/fpmd-");
}

/* /run is root's; whose another folder is, the text does not say. */
static bool remarks_has_acl_elsewhere(const struct conf_pool *pool) {
        bool has_acl = pool->listen_acl_users || pool->listen_acl_groups;

        return has_acl && pool->listen && strchr(pool->listen, '/') &&
               (!text_has_prefix(pool->listen, "/run/") || strchr(pool->listen + strlen("/run/"), '/'));
}

static bool remarks_has_hat(const struct conf_pool *pool) {
        return pool->apparmor_hat != NULL;
}

static bool remarks_is_localhost(const struct conf_pool *pool) {
        return text_has_prefix(pool->listen, "localhost:");
}

static const struct {
        bool (*applies)(const struct conf_pool *pool);
        enum conf_pool_row row;
        const char *says;
} rows[] = {
        { remarks_has_no_user, CONF_POOL_user, "it is not set: the unit's own user is taken, www-data" },
        { remarks_is_localhost, CONF_POOL_listen, "localhost is 127.0.0.1 in the socket unit" },
        { remarks_access_log_is_outside, CONF_POOL_access_log,
          "the unit's user opens it, and may write below /var/log/fpmd/NAME; another folder needs ReadWritePaths= and "
          "that user's permission" },
        { remarks_slow_log_is_outside, CONF_POOL_slowlog,
          "the unit's user opens it, and may write below /var/log/fpmd/NAME; another folder needs ReadWritePaths= and "
          "that user's permission" },
        { remarks_status_socket_is_outside, CONF_POOL_status_listen,
          "the unit's user makes the socket, and may do so below /run/fpmd-NAME" },
        { remarks_has_acl_elsewhere, CONF_POOL_listen,
          "setfacl(1) sets its ACL as root and follows symbolic links: no folder of the path may be one that the "
          "pool's "
          "user can write to" },
        { remarks_has_hat, CONF_POOL_apparmor_hat, "the unit needs AppArmorProfile= with that child profile" },
};

/* Of which units are made. */
static const enum conf_pool_row unit_rows[] = {
        CONF_POOL_user,
        CONF_POOL_group,
        CONF_POOL_listen,
        CONF_POOL_listen_owner,
        CONF_POOL_listen_group,
        CONF_POOL_listen_mode,
        CONF_POOL_listen_acl_users,
        CONF_POOL_listen_acl_groups,
        CONF_POOL_listen_backlog,
        CONF_POOL_listen_shards,
        CONF_POOL_listen_defer_accept,
        CONF_POOL_process_priority,
        CONF_POOL_rlimit_files,
        CONF_POOL_chroot,
        CONF_POOL_pm,
};

static const char *const varying[] = {
        [CONF_VARIES_DEFAULT] = "its ${NAME} has its default in the unit, which is made without the service's "
                                "environment",
        [CONF_VARIES_NOTHING] = "its ${NAME} is not known where the unit is made, which is without the service's "
                                "environment; write the value, or ${NAME:-default}",
};

void remarks_list_varying(const struct conf_pool *pool, enum conf_varies how, struct text *out) {
        if (pool->where.varies == how)
                text_printf(out, "[%s:%u] section [%s]: %s\n", pool->where.file, pool->where.line, pool->name,
                            varying[how]);
        for (size_t i = 0; i < ELEMENTSOF(unit_rows); i++) {
                const struct conf_where *w = &pool->given[unit_rows[i]];

                if (w->varies == how)
                        text_printf(out, "[%s:%u] directive '%s': %s\n", w->file, w->line,
                                    conf_pool_directives[unit_rows[i]].name, varying[how]);
        }
}

void remarks_list(const struct conf_pool *pool, bool dynamic, struct text *out) {
        remarks_list_varying(pool, CONF_VARIES_DEFAULT, out);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct conf_where w = conf_check_where(pool, rows[i].row);

                if (rows[i].applies(pool) && !(dynamic && rows[i].row == CONF_POOL_user))
                        text_printf(out, "[%s:%u] directive '%s': %s\n", w.file, w.line,
                                    conf_pool_directives[rows[i].row].name, rows[i].says);
        }
}
