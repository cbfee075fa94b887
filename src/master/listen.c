/* SPDX-License-Identifier: MIT */
/*
 * Listen sockets; see listen.h. A TCP pool that fpmd binds itself gets several, as listen.shards says (shards.c);
 * AF_UNIX has one listener, since its sockets cannot share an address.
 */

#include "master/listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fd.h"
#include "conf/conf.h"
#include "log/log.h"
#include "master/defer.h"
#include "master/inherited.h"
#include "master/ownsocket.h"
#include "master/shards.h"
#include "master/stored.h"
#include "master/unixsocket.h"

static int listen_backlog(const struct conf_pool *pool) {
        return pool->listen_backlog < 0 ? SOMAXCONN : pool->listen_backlog;
}

/* SO_REUSEPORT lets every process of this user join, a script of the pool too, where this user is not root: so it is
 * not used unless it is asked for. */
static unsigned listen_n_shards(const struct conf_pool *pool) {
        return pool->listen_shards == 0 && geteuid() != 0 ? 1 : conf_pool_shards(pool);
}

/* What has the name of a socket, and is none. */
static const char *listen_what_is_there(const char *path) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return "something";
        return S_ISDIR(st.st_mode) ? "a folder" : S_ISLNK(st.st_mode) ? "a symbolic link" : "a file that is no socket";
}

static void listen_tell_place(const struct conf_pool *pool, const char *directive, int error, struct text *problems) {
        text_printf(problems, "[%s:%u] directive '%s': cannot listen on '%s': ", pool->listen_where.file,
                    pool->listen_where.line, directive, pool->listen);
        if (error == -EEXIST)
                text_printf(problems, "%s has that name, and stays", listen_what_is_there(pool->listen));
        else
                text_printf(problems, "%s%s", strerror(-error),
                            error == -EADDRINUSE ? "; another process listens there, php-fpm or a second fpmd maybe"
                                                 : "");
        if (text_equal(directive, "listen") && ownsocket_is(pool)) { /* whose socket is systemd's to make */
                text_append(problems, "; systemd has passed no socket: ");
                ownsocket_put_remedy(pool, problems);
        }
        text_append(problems, "\n");
}

/* The line that php-fpm has for it, and where the address stands. */
static int listen_tell_failure(const struct conf_pool *pool, const char *directive, int error, struct text *problems) {
        const char *colon = strrchr(pool->listen, ':');
        bool taken = error == -EADDRINUSE, path = strchr(pool->listen, '/');
        int told = error == -EEXIST ? EADDRINUSE : -error; /* a name that is taken, to bind(2) and php-fpm */

        if (error == -ERANGE)
                text_printf(problems, "invalid port value '%s'\n", colon ? colon + 1 : pool->listen);
        else if (error == -ENXIO)
                text_append(problems, "getaddrinfo: Name or service not known\n");
        else if (taken && path)
                text_printf(problems, "Another FPM instance seems to already listen on %s\n", pool->listen);
        else
                text_printf(problems, "unable to bind listening socket for address '%s': %s (%d)\n", pool->listen,
                            strerror(told), told);
        listen_tell_place(pool, directive, error, problems);
        return LISTEN_E_PROBLEM;
}

static int listen_bind_unix(const struct conf_pool *pool, const struct addr *a, struct listen_set *s,
                            struct text *problems) {
        int r = unixsocket_open(pool, a, listen_backlog(pool), &s->file, &s->fds[0], problems);

        if (r == 0)
                s->n = 1;
        return r;
}

/* A port alone means all addresses of both versions of IP, else those of IPv4: where there is no IPv6, or another
 * process has the port there. */
static int listen_bind_tcp(const struct conf_pool *pool, struct addr *a, struct listen_set *s) {
        bool port_alone = !strchr(pool->listen, ':');
        int r = port_alone && a->sa.sa_family == AF_INET
                        ? -EAFNOSUPPORT
                        : shards_open(s, a, listen_backlog(pool), listen_n_shards(pool));

        if (r == 0 || !port_alone)
                return r;
        log_notice("Failed implicitly binding to ::, retrying with 0.0.0.0");
        addr_narrow_to_ipv4(a);
        return shards_open(s, a, listen_backlog(pool), listen_n_shards(pool));
}

/* A socket that was handed down for the address. 0; -ENOENT: there is none; -errno. */
static int listen_take_handed(struct handed *handed, const struct addr *a, struct listen_set *s) {
        int fd = handed_claim(handed, a);

        if (fd < 0)
                return fd;
        s->fds[s->n++] = fd;
        s->n_active = 1;
        return a->sa.sa_family == AF_UNIX ? unixsocket_adopt(a->un.sun_path, &s->file) : 0;
}

/* What came out of the fd store cannot be had: it goes, and is made anew. */
static int listen_give_up_stored(struct listen_set *s, const struct conf_pool *pool, const char *why) {
        log_warning("[pool %s] the listener '%s' of the fd store is made anew: %s", pool->name, pool->listen, why);
        for (size_t i = 0; i < s->n; i++)
                stored_shut(s->fds[i]);
        s->n = 0;
        s->stored = false;
        return -ENOENT;
}

/* A port alone may have been bound for IPv4 only. */
static size_t listen_claim_stored(struct stored *stored, const struct conf_pool *pool, struct addr *a,
                                  struct listen_set *s) {
        struct addr narrow = *a;

        if (stored_claim(stored, a, s) > 0 || a->sa.sa_family == AF_UNIX || strchr(pool->listen, ':'))
                return s->n;
        addr_narrow_to_ipv4(&narrow);
        if (stored_claim(stored, &narrow, s) > 0)
                *a = narrow;
        return s->n;
}

/* Listeners that this service had before it was started anew. 0; -ENOENT: there are none that will do;
 * UNIXSOCKET_E_PROBLEM; -errno. */
static int listen_take_stored(struct stored *stored, const struct conf_pool *pool, struct addr *a, struct listen_set *s,
                              struct text *problems) {
        int r;

        if (listen_claim_stored(stored, pool, a, s) == 0)
                return -ENOENT;
        s->stored = true;
        if (a->sa.sa_family == AF_UNIX) {
                r = unixsocket_return(pool, s->fds[0], a->un.sun_path, &s->file, problems);
                if (r == UNIXSOCKET_E_LOST)
                        return listen_give_up_stored(s, pool, "its file has gone");
        } else {
                r = shards_return(s, a, listen_backlog(pool), listen_n_shards(pool));
                if (r == SHARDS_E_ALONE)
                        return listen_give_up_stored(s, pool, "it was bound for one socket alone");
        }
        if (r == 0) {
                listen_commit_backlog(s, pool);
                listen_set_log(s);
        }
        return r;
}

/* directive: the one that has the address, for messages. */
static int listen_bind(struct inherited *inherited, const struct conf_pool *pool, const char *directive,
                       struct listen_set **ret, struct text *problems) {
        _cleanup_(listen_set_freep) struct listen_set *s = listen_set_new(pool, 1);
        struct addr a;
        int r;

        if (!s)
                return -ENOMEM;
        r = addr_parse(pool->listen, &a);
        if (r == 0)
                r = listen_take_stored(&inherited->stored, pool, &a, s, problems);
        if (r == -ENOENT)
                r = listen_take_handed(&inherited->handed, &a, s);
        if (r == -ENOENT)
                r = a.sa.sa_family == AF_UNIX ? listen_bind_unix(pool, &a, s, problems) : listen_bind_tcp(pool, &a, s);
        if (r < 0)
                return listen_tell_failure(pool, directive, r, problems);
        if (r > 0)
                return r;
        defer_apply(s, pool);
        *ret = TAKE_PTR(s);
        return 0;
}

/* The address of a TCP set of our own. */
static bool listen_is_sharded(const struct listen_set *s, struct addr *ret) {
        return !s->inherited && addr_of_socket(s->fds[0], ret) == 0 && ret->sa.sa_family != AF_UNIX;
}

int listen_add_shards(struct listen_set *s, const struct conf_pool *pool, struct text *problems) {
        struct addr a;
        int r;

        if (!listen_is_sharded(s, &a))
                return 0;
        if (!shards_can_grow(s))
                return 0;
        r = shards_open(s, &a, listen_backlog(pool), listen_n_shards(pool));
        return r < 0 ? listen_tell_failure(pool, "listen", r, problems) : 0;
}

bool listen_has_shards(const struct listen_set *s, const struct conf_pool *pool) {
        struct addr a;

        return !listen_is_sharded(s, &a) || listen_n_shards(pool) == s->n_active;
}

void listen_commit_shards(struct listen_set *s, const struct conf_pool *pool) {
        unsigned n = listen_n_shards(pool);
        struct addr a;
        int r;

        if (!listen_is_sharded(s, &a) || n == s->n_active)
                return;
        if (!shards_can_grow(s)) {
                log_warning("[pool %s] listen.shards = %u takes a restart: the address was bound for one socket alone",
                            s->pool, n);
                return;
        }
        r = shards_use(s, n);
        if (r < 0)
                log_error("[pool %s] cannot change to %u shards: %s", s->pool, n, strerror(-r));
        else
                log_notice("[pool %s] new connections go to %u shards; %zu more stay open for what waits in them, "
                           "until the service is stopped",
                           s->pool, n, s->n - n);
}

void listen_commit_backlog(struct listen_set *s, const struct conf_pool *pool) {
        if (s->inherited)
                return;
        for (size_t i = 0; i < s->n; i++)
                if (listen(s->fds[i], listen_backlog(pool)) < 0)
                        log_error("[pool %s] cannot change the backlog: %s", s->pool, strerror(errno));
}

/* The service manager's number stands. */
static void listen_compare_shards(const struct listen_set *s, const struct conf_pool *pool) {
        if (pool->listen_shards > 0 && pool->listen_shards != s->n)
                log_warning("[pool %s] listen.shards is %u, but the service manager passed %zu sockets, which are used",
                            pool->name, pool->listen_shards, s->n);
}

int listen_open(struct inherited *inherited, const struct conf_pool *pool, struct listen_set **ret,
                struct text *problems) {
        _cleanup_(listen_set_freep) struct listen_set *s = NULL;

        if (inherited->n == 0 && !text_equal(pool->listen, "systemd"))
                return listen_bind(inherited, pool, "listen", ret, problems);

        s = listen_set_new(pool, inherited->n + 1);
        if (!s)
                return -ENOMEM;
        s->inherited = true;
        if (inherited_claim(inherited, pool, s) == 0) {
                text_printf(problems, "[%s:%u] directive 'listen': the pool '%s' (listen = %s) has no socket; ",
                            pool->listen_where.file, pool->listen_where.line, pool->name, pool->listen);
                inherited_list(inherited, problems);
                text_append(problems, "\n");
                return inherited->n > 0 ? LISTEN_E_ABSENT : LISTEN_E_PROBLEM;
        }
        listen_set_log(s);
        listen_compare_shards(s, pool);
        defer_apply(s, pool);
        *ret = TAKE_PTR(s);
        return 0;
}

int listen_open_status(struct inherited *inherited, const struct conf_pool *pool, struct listen_set **ret,
                       struct text *problems) {
        _cleanup_(listen_set_freep) struct listen_set *s = NULL;
        _cleanup_free_ char *name = NULL;
        struct conf_pool status =
                *pool; /* borrows its texts: all but name and address is as for the pool's own listener */

        if (asprintf(&name, "%s-status", pool->name) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        status.name = name;
        status.listen = pool->status_listen;
        status.listen_shards = 1; /* its only reader is this process */
        status.listen_where = pool->given[CONF_POOL_status_listen];
        s = listen_set_new(&status, inherited->n + 1);
        if (!s)
                return -ENOMEM;
        s->inherited = true;
        if (inherited_claim(inherited, &status, s) == 0)
                return listen_bind(inherited, &status, "pm.status_listen", ret, problems);
        defer_apply(s, &status);
        *ret = TAKE_PTR(s);
        return 0;
}
