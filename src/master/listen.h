/* SPDX-License-Identifier: MIT */
#pragma once
/* Opening listen sockets: those that systemd hands over (inherited.h), and those that fpmd binds itself. */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "conf/model.h"
#include "master/listenset.h"

struct inherited;

/* The set of one pool: claimed from the inherited ones when there are any, else bound. 0; LISTEN_E_ABSENT;
 * LISTEN_E_PROBLEM; -errno. */
int listen_open(struct inherited *inherited, const struct conf_pool *pool, struct listen_set **ret,
                struct text *problems);

/* The same for its pm.status_listen, which is set. One that is inherited has the name POOL-status, or is bound to the
 * address. */
int listen_open_status(struct inherited *inherited, const struct conf_pool *pool, struct listen_set **ret,
                       struct text *problems);

/* A reload with the same address: sockets are added when listen.shards says so, and get connections from
 * listen_commit_shards() on, when workers watch them; without it they change nothing. Only TCP sets of our own have
 * anything to do. 0; LISTEN_E_PROBLEM; -errno. */
int listen_add_shards(struct listen_set *s, const struct conf_pool *pool, struct text *problems);

/* It would have nothing to do. */
bool listen_has_shards(const struct listen_set *s, const struct conf_pool *pool);

void listen_commit_shards(struct listen_set *s, const struct conf_pool *pool);

/* listen.backlog of a reload, for sockets that stay open (listen(2) may be called again); those of the service manager
 * keep its Backlog=. */
void listen_commit_backlog(struct listen_set *s, const struct conf_pool *pool);
