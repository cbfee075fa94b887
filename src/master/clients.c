/* SPDX-License-Identifier: MIT */
/*
 * See clients.h. A park is its pool's, so what it gives may be anything. What is stored, and what is taken back, is a
 * connection of a unix socket, at an address of the pool's own, that the pool's user or the master has accepted: the
 * kernel says all that. So the worst is a false client of that pool.
 */

#include "master/clients.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/nowait.h"
#include "child/identity.h"
#include "conf/conf.h"
#include "conn/allow.h"
#include "log/log.h"
#include "master/pools.h"
#include "pool/parks.h"
#include "untrusted/park.h"

static bool clients_has_address(const struct listen_set *s, const struct addr *a) {
        struct addr bound;

        for (size_t i = 0; i < s->n; i++)
                if (addr_of_socket(s->fds[i], &bound) == 0 && addr_equal(&bound, a))
                        return true;
        return false;
}

/* It is a socket before anything is asked of its file: see base/nowait.h. */
static bool clients_is_one(const struct listen_set *s, uid_t uid, int fd) {
        struct stat st;
        struct addr a;

        return untrusted_park_connection(fd, &a) == 0 && fstat(fd, &st) == 0 &&
               (st.st_uid == uid || st.st_uid == geteuid()) && clients_has_address(s, &a);
}

/* The user of the pool's processes. */
static bool clients_find_user(const struct master *m, const struct conf_pool *settings, uid_t *ret) {
        struct identity who;

        if (identity_resolve(settings, m->env.allow_root, &who) < 0)
                return false;
        *ret = who.change ? who.uid : geteuid();
        return true;
}

/* Its park has had its user since it was started: whose that is by now is not asked at a stop. */
static bool clients_may_give(const struct master_pool *mp) {
        return mp->state != STATE_POOL_LEAVES && mp->listeners->listen[0] == '/' && parks_hold(&mp->pool->parks);
}

void clients_prepare(struct master *m) {
        size_t n_parts = 0;

        if (m->store.room == 0 || !store_takes_idle() || m->env.control_timeout == 0)
                return;
        for (size_t i = 0; i < m->n_pools; i++)
                n_parts += clients_may_give(m->pools[i]);
        for (size_t i = 0; i < m->n_pools; i++) {
                struct master_pool *mp = m->pools[i];
                _cleanup_free_ char *name = clients_may_give(mp) ? store_name(STORE_IDLE, mp->pool->name) : NULL;

                if (name)
                        mp->pool->parks.n_keep = store_share(&m->store, name, n_parts);
        }
}

bool clients_keep(struct pool *pool, uid_t uid, int fd, void *userdata) {
        struct master *m = userdata;
        const struct master_pool *mp = pools_find(m, pool->name);
        _cleanup_free_ char *name = store_name(STORE_IDLE, pool->name);

        return name && mp && mp->pool == pool && clients_is_one(mp->listeners, uid, fd) &&
               store_keep(&m->store, name, fd);
}

static bool clients_give_back(struct master_pool *mp, uid_t user, const struct allow *allow, int fd) {
        return clients_is_one(mp->listeners, user, fd) && allow_admits(allow, fd, mp->pool->name) &&
               parks_give_back(mp->pool, fd) == 0;
}

void clients_return(struct master *m, struct master_pool *mp, const struct conf_pool *settings) {
        const struct allow_lists lists = { .clients = settings->listen_allowed_clients,
                                           .uids = conf_pool_peers(settings) };
        struct stored *stored = &m->inherited.stored;
        _cleanup_free_ char *name = stored->n > 0 ? store_name(STORE_IDLE, mp->pool->name) : NULL;
        _cleanup_allow_ struct allow allow = {};
        unsigned n = 0, n_closed = 0;
        size_t at = 0;
        uid_t user;
        int fd;

        if (!name || !clients_find_user(m, settings, &user) || allow_parse(&lists, &allow, NULL) < 0)
                return;
        while ((fd = stored_claim_idle(stored, name, &at)) >= 0) {
                bool is_back = clients_give_back(mp, user, &allow, fd);

                n += is_back;
                n_closed += !is_back;
                if (!is_back)
                        (void)shutdown(fd, SHUT_RDWR); /* the store has a copy yet */
                nowait_close(fd);
        }
        if (n > 0)
                log_own("[pool %s] %u idle connections are back from the fd store", mp->pool->name, n);
        if (n_closed > 0)
                log_warning("[pool %s] %u idle connections of the fd store are closed: not of the pool's socket and "
                            "user, not allowed any more, or there is no room",
                            mp->pool->name, n_closed);
}
