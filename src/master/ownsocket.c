/* SPDX-License-Identifier: MIT */
#include "master/ownsocket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/account.h"
#include "base/addr.h"
#include "conf/rows.h"

#define NOBODY 65534U /* the kernel's, for who has no number in a namespace */

bool ownsocket_is(const struct conf_pool *pool) {
        const char *folder = getenv("RUNTIME_DIRECTORY"), *name = folder ? strrchr(folder, '/') : NULL;

        return name && text_has_prefix(name, "/fpmd-") && text_equal(name + strlen("/fpmd-"), pool->name);
}

void ownsocket_put_remedy(const struct conf_pool *pool, struct text *out) {
        text_printf(out, "systemctl daemon-reload; systemctl restart fpmd@%s.socket", pool->name);
}

static void ownsocket_put_head(const struct conf_where *w, const char *directive, struct text *out) {
        text_printf(out, "[%s:%u] directive '%s': ", w->file, w->line, directive);
}

static void ownsocket_put_end(const struct conf_pool *pool, struct text *out) {
        text_append(out, "its socket is systemd's, and changes with this: ");
        ownsocket_put_remedy(pool, out);
        text_append(out, "\n");
}

/* It has a socket, and none there. An address that cannot be told, as a host's name, is taken for the same. */
static bool ownsocket_is_elsewhere(const struct listen_set *s, const struct conf_pool *pool, struct addr *ret) {
        struct addr wanted;

        if (s->n == 0 || text_equal(pool->listen, "systemd") || addr_parse(pool->listen, &wanted) < 0)
                return false;
        for (size_t i = 0; i < s->n; i++)
                if (addr_of_socket(s->fds[i], ret) < 0 || addr_equal(ret, &wanted))
                        return false;
        return true;
}

static void ownsocket_compare_address(const struct listen_set *s, const struct conf_pool *pool, struct text *out) {
        char text[ADDR_TEXT_MAX];
        struct addr a;

        if ((!ownsocket_is(pool) && text_equal(s->listen, pool->listen)) || !ownsocket_is_elsewhere(s, pool, &a))
                return;
        ownsocket_put_head(&pool->listen_where, "listen", out);
        text_printf(out, "pool '%s' listens on %s, and not on %s: ", pool->name, addr_format(&a, text), pool->listen);
        if (ownsocket_is(pool))
                ownsocket_put_end(pool, out);
        else
                text_append(out, "its socket is the service manager's; give its unit (systemctl list-sockets names it) "
                                 "that ListenStream=, then systemctl daemon-reload, and restart that unit\n");
}

/* In the unit's user namespace all but root and its own user are nobody. */
static bool ownsocket_has_user(const struct conf_pool *pool, const struct stat *st) {
        struct account user;

        return !pool->listen_owner || st->st_uid == NOBODY || account_user(pool->listen_owner, &user) < 0 ||
               user.uid == st->st_uid;
}

static bool ownsocket_has_group(const struct conf_pool *pool, const struct stat *st) {
        gid_t group;

        return !pool->listen_group || st->st_gid == NOBODY || account_group(pool->listen_group, &group) < 0 ||
               group == st->st_gid;
}

static bool ownsocket_has_mode(const struct conf_pool *pool, const struct stat *st) {
        return !pool->given[CONF_POOL_listen_mode].file || (st->st_mode & 0777U) == (pool->listen_mode & 0777U);
}

/* The socket's file, of which the pool says who may connect. Under an ACL the bits of its mode are others. */
static bool ownsocket_look_at_file(const struct listen_set *s, const struct conf_pool *pool, struct addr *ret,
                                   struct stat *st) {
        return ownsocket_is(pool) && !pool->listen_acl_users && !pool->listen_acl_groups && s->n > 0 &&
               addr_of_socket(s->fds[0], ret) == 0 && ret->sa.sa_family == AF_UNIX && stat(ret->un.sun_path, st) == 0 &&
               S_ISSOCK(st->st_mode);
}

static void ownsocket_compare_rights(const struct listen_set *s, const struct conf_pool *pool, struct text *out) {
        static bool (*const has[])(const struct conf_pool *pool, const struct stat *st) = { ownsocket_has_mode,
                                                                                            ownsocket_has_user,
                                                                                            ownsocket_has_group };
        static const enum conf_pool_row rows[] = { CONF_POOL_listen_mode, CONF_POOL_listen_owner,
                                                   CONF_POOL_listen_group };
        struct stat st;
        struct addr a;

        if (!ownsocket_look_at_file(s, pool, &a, &st))
                return;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (has[i](pool, &st))
                        continue;
                ownsocket_put_head(&pool->given[rows[i]], conf_pool_directives[rows[i]].name, out);
                text_printf(out, "%s has another, mode %04o: ", a.un.sun_path, st.st_mode & 0777U);
                ownsocket_put_end(pool, out);
                return;
        }
}

void ownsocket_compare(const struct listen_set *s, const struct conf_pool *pool, struct text *out) {
        if (!s->inherited)
                return;
        ownsocket_compare_address(s, pool, out);
        ownsocket_compare_rights(s, pool, out);
}
