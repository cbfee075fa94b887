/* SPDX-License-Identifier: MIT */
/* Some directives are about one kind of socket alone: php-fpm ignores them at the other, here that is a problem. */

#include "conf/network.h"

#include <arpa/inet.h>
#include <string.h>

#include "conf/rows.h"
#include "conf/values.h"

static void network_clients(const struct conf_check *k, const struct conf_pool *pool) {
        const char *list = pool->listen_allowed_clients, *item;
        size_t n;

        if (list && *list && strspn(list, ", \t") == strlen(list))
                conf_check_problem(k, pool, CONF_POOL_listen_allowed_clients, "it names nobody");
        while (list && (item = text_word(&list, ", \t", &n))) {
                char word[INET6_ADDRSTRLEN + 1], address[sizeof(struct in6_addr)];

                text_copy(word, sizeof(word), item, n);
                if (!text_equal(word, "any") && (n >= sizeof(word) || (inet_pton(AF_INET, word, address) != 1 &&
                                                                       inet_pton(AF_INET6, word, address) != 1)))
                        conf_check_problem(k, pool, CONF_POOL_listen_allowed_clients, "'%.*s' is no IP address", (int)n,
                                           item);
        }
}

/* Known by its form alone: a host's name is not asked for. */
static bool network_is_path(const char *listen) {
        return listen && strchr(listen, '/');
}

/* Who a peer is the kernel knows for unix sockets alone. */
static void network_peers(const struct conf_check *k, const struct conf_pool *pool) {
        const char *list = pool->listen_peer_users;

        if (!list)
                return;
        if (list[strspn(list, ", \t")] == '\0')
                conf_check_problem(k, pool, CONF_POOL_listen_peer_users, "it names nobody");
        if (pool->listen && !network_is_path(pool->listen) && !text_equal(pool->listen, "systemd"))
                conf_check_problem(k, pool, CONF_POOL_listen_peer_users,
                                   "'%s' is for TCP, where a client has an address and no user: it is for unix sockets "
                                   "(listen.allowed_clients is for TCP)",
                                   pool->listen);
}

/* The default holds for every pool, so a dump has it for unix sockets too. */
static void network_defer(const struct conf_check *k, const struct conf_pool *pool) {
        if (pool->listen_defer_accept > 0 &&
            !conf_value_is_initial(&conf_pool_directives[CONF_POOL_listen_defer_accept], pool) &&
            network_is_path(pool->listen) && (!pool->status_listen || network_is_path(pool->status_listen)))
                conf_check_problem(k, pool, CONF_POOL_listen_defer_accept,
                                   "connections of a unix socket cannot be deferred; it is for TCP");
}

static void network_shards(const struct conf_check *k, const struct conf_pool *pool) {
        if (pool->listen_shards > 1 && network_is_path(pool->listen))
                conf_check_problem(k, pool, CONF_POOL_listen_shards,
                                   "a unix socket has one queue of connections; %u are for TCP", pool->listen_shards);
}

void conf_network_check(const struct conf_check *k, const struct conf_pool *pool) {
        network_shards(k, pool);
        network_defer(k, pool);
        network_peers(k, pool);
        if (!k->options->php_fpm && !k->options->text_only) /* under that name workers tell, and admit those that are */
                network_clients(k, pool);
}
