/* SPDX-License-Identifier: MIT */
/*
 * Socket units as systemd.socket(5) has them. Where listen.owner is not set its line is missing, and a template's own
 * stands; where it is set and listen.group is not, the group is the owner's, as with php-fpm.
 */

#include "units/socketunit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "units/syntax.h"

bool socketunit_is_tcp(const char *listen) {
        return listen && !strchr(listen, '/') && !text_equal(listen, "systemd");
}

/* The host of HOST:PORT without its brackets. False: there is none, or it is too long for an address. */
static bool socketunit_host(const char *listen, char ret[static INET6_ADDRSTRLEN]) {
        const char *colon = strrchr(listen, ':'), *host = listen;
        size_t n = colon ? (size_t)(colon - listen) : 0;

        if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
                host++;
                n -= 2;
        }
        if (n == 0 || n >= INET6_ADDRSTRLEN)
                return false;
        text_copy(ret, INET6_ADDRSTRLEN, host, n);
        return true;
}

int socketunit_address(const char *listen, char buf[static CONF_PATH_BYTES + 1]) {
        char host[INET6_ADDRSTRLEN], binary[sizeof(struct in6_addr)];
        const char *colon = strrchr(listen, ':');
        bool v6;

        text_copy(buf, CONF_PATH_BYTES + 1, listen, strlen(listen));
        if (!socketunit_is_tcp(listen) || !colon)
                return 0;
        if (!socketunit_host(listen, host))
                return SOCKETUNIT_E_NAME;
        if (text_equal(host, "localhost"))
                snprintf(host, sizeof(host), "127.0.0.1");
        v6 = inet_pton(AF_INET6, host, binary) == 1;
        if (!v6 && inet_pton(AF_INET, host, binary) != 1)
                return SOCKETUNIT_E_NAME;
        snprintf(buf, CONF_PATH_BYTES + 1, v6 ? "[%s]%s" : "%s%s", host, colon);
        return 0;
}

void socketunit_resolve(const char *listen, char buf[static CONF_PATH_BYTES + 1]) {
        char text[ADDR_TEXT_MAX];
        struct addr a;

        if (socketunit_address(listen, buf) == SOCKETUNIT_E_NAME && addr_parse(listen, &a) == 0)
                snprintf(buf, CONF_PATH_BYTES + 1, "%s", addr_format(&a, text));
}

/* A list with commas as arguments of setfacl -m: "u:www-data:rw,u:deploy:rw". */
static void socketunit_add_acl(const char *kind, const char *list, struct text *out) {
        const char *word;
        size_t n;

        while (list && (word = text_word(&list, ", \t", &n)))
                text_printf(out, "%s%s:%.*s:rw", out->n > 0 ? "," : "", kind, (int)n, word);
}

static int socketunit_put_acl(const struct conf_pool *pool, struct text *out) {
        _cleanup_text_ struct text acl = {}, words = {};

        socketunit_add_acl("u", pool->listen_acl_users, &acl);
        socketunit_add_acl("g", pool->listen_acl_groups, &acl);
        text_append(&acl, ",g::-");
        if (syntax_put_word(text_peek(&acl), &words) != 0)
                return SYNTAX_E_UNFIT;
        text_append_c(&words, ' ');
        if (syntax_put_word(pool->listen, &words) != 0)
                return SYNTAX_E_UNFIT;
        text_printf(out, "SocketMode=0660\nExecStartPost=setfacl -m %s\n", text_peek(&words));
        out->failed |= acl.failed || words.failed;
        return 0;
}

static int socketunit_put_permissions(const struct conf_pool *pool, struct text *out, enum conf_pool_row *ret) {
        if (pool->listen_acl_users || pool->listen_acl_groups) {
                *ret = pool->listen_acl_users ? CONF_POOL_listen_acl_users : CONF_POOL_listen_acl_groups;
                return socketunit_put_acl(pool, out);
        }
        *ret = CONF_POOL_listen_owner;
        if (pool->listen_owner && syntax_put("SocketUser", pool->listen_owner, out) != 0)
                return SYNTAX_E_UNFIT;
        if (pool->listen_owner && !pool->listen_group)
                text_append(out, "SocketGroup=\n");
        *ret = CONF_POOL_listen_group;
        if (pool->listen_group && syntax_put("SocketGroup", pool->listen_group, out) != 0)
                return SYNTAX_E_UNFIT;
        text_printf(out, "SocketMode=%04o\n", pool->listen_mode);
        return 0;
}

static int socketunit_put_tcp(const struct conf_pool *pool, const char *address, unsigned n_shards, struct text *out) {
        for (unsigned i = 0; i < n_shards; i++)
                if (syntax_put("ListenStream", address, out) != 0)
                        return SYNTAX_E_UNFIT;
        if (n_shards > 1)
                text_append(out, "ReusePort=yes\n");
        if (pool->listen_defer_accept > 0)
                text_printf(out, "DeferAcceptSec=%llu\n",
                            (unsigned long long)((pool->listen_defer_accept + USEC_PER_SEC - 1) / USEC_PER_SEC));
        return 0;
}

int socketunit_put(const struct conf_pool *pool, const char *address, unsigned n_shards, struct text *out,
                   enum conf_pool_row *ret) {
        int r;

        *ret = CONF_POOL_listen;
        if (socketunit_is_tcp(pool->listen))
                r = socketunit_put_tcp(pool, address, n_shards, out);
        else {
                r = syntax_put("ListenStream", address, out);
                if (r == 0)
                        r = socketunit_put_permissions(pool, out, ret);
        }
        if (r != 0)
                return SOCKETUNIT_E_UNFIT;
        if (pool->listen_backlog > 0)
                text_printf(out, "Backlog=%d\n", pool->listen_backlog);
        return 0;
}
