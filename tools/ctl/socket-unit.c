/* SPDX-License-Identifier: MIT */
/*
 * Socket units as systemd.socket(5) has them. What php-fpm's directives can say and a socket unit cannot is an ACL:
 * setfacl(1) sets it when the socket is made.
 */

#include "socket-unit.h"

#include <string.h>

#include "base/addr.h"
#include "danger.h"

static void socket_unit_put_setting(const char *name, const char *value, struct text *out) {
        if (value)
                text_printf(out, "%s=%s\n", name, value);
}

/* A list with commas as arguments of setfacl -m: "u:www-data:rw,u:deploy:rw". */
static void socket_unit_put_acl_entries(const char *kind, const char *list, bool *first, struct text *out) {
        const char *word;
        size_t n;

        while (list && (word = text_word(&list, ", \t", &n))) {
                text_printf(out, "%s%s:%.*s:rw", *first ? "" : ",", kind, (int)n, word);
                *first = false;
        }
}

static void socket_unit_put_permissions(const struct conf_pool *pool, struct text *out) {
        bool first = true;

        if (!pool->listen_acl_users && !pool->listen_acl_groups) {
                socket_unit_put_setting("SocketUser", pool->listen_owner, out);
                socket_unit_put_setting("SocketGroup", pool->listen_group, out);
                text_printf(out, "SocketMode=%04o\n", pool->listen_mode);
                return;
        }
        text_append(out, "SocketMode=0660\nExecStartPost=setfacl -m ");
        socket_unit_put_acl_entries("u", pool->listen_acl_users, &first, out);
        socket_unit_put_acl_entries("g", pool->listen_acl_groups, &first, out);
        text_printf(out, ",g::- %s\n", pool->listen);
}

/* systemd takes addresses, not the names of hosts. */
static void socket_unit_put_tcp(const struct conf_pool *pool, unsigned n_shards, struct text *out) {
        char text[ADDR_TEXT_MAX];
        const char *address = pool->listen;
        struct addr a;

        if (strchr(address, ':') && addr_parse(address, &a) == 0)
                address = addr_format(&a, text);
        for (unsigned i = 0; i < n_shards; i++)
                socket_unit_put_setting("ListenStream", address, out);
        if (n_shards > 1)
                text_append(out, "ReusePort=yes\n");
        if (pool->listen_defer_accept > 0)
                text_printf(out, "DeferAcceptSec=%llu\n",
                            (unsigned long long)((pool->listen_defer_accept + USEC_PER_SEC - 1) / USEC_PER_SEC));
}

void socket_unit_write(const struct conf_pool *pool, unsigned n_shards, struct text *out) {
        if (text_equal(pool->listen, "systemd"))
                return;
        text_printf(out,
                    "# /etc/systemd/system/fpmd-%s.socket\n[Unit]\nDescription=Listen socket of the PHP pool "
                    "%s\n\n[Socket]\n",
                    pool->name, pool->name);
        if (danger_is_tcp(pool->listen))
                socket_unit_put_tcp(pool, n_shards, out);
        else {
                socket_unit_put_setting("ListenStream", pool->listen, out);
                socket_unit_put_permissions(pool, out);
                text_append(out, "RemoveOnStop=yes\n");
        }
        if (pool->listen_backlog > 0)
                text_printf(out, "Backlog=%d\n", pool->listen_backlog);
        text_printf(out, "FileDescriptorName=%s\nService=fpmd.service\n\n[Install]\nWantedBy=sockets.target\n",
                    pool->name);
}
