/* SPDX-License-Identifier: MIT */
#pragma once
/* The pools that the master has, with their listeners. */

#include "master/state.h"

struct master_pool *pools_find(struct master *m, const char *name);

/* A pool without a generation. It takes the listeners over, unless it fails. 0 or -errno. */
int pools_add(struct master *m, const char *name, struct listen_set *listeners, struct master_pool **ret);
void pools_remove(struct master *m, size_t i);

/* The page of settings->status_listen, which is set; an inherited socket may be its. 0; LISTEN_E_PROBLEM; -errno. */
int pools_open_page(struct inherited *inherited, struct master_pool *mp, const struct conf_pool *settings,
                    struct statuspage **ret, struct text *problems);

/* What settings want of systemd's sockets, and these have not (ownsocket.h): into the log, and into the picture, whose
 * lines are returned; "": nothing. */
const char *pools_compare_sockets(struct master *m);

/* True when a reload may begin. */
bool pools_are_settled(const struct master *m);

/* True when no process of any pool is left. */
bool pools_are_gone(const struct master *m);

/* True when some pool waits for the process. */
bool pools_own(const struct master *m, pid_t pid);

/* Rings the doorbells of all pools that go on. */
void pools_ring(const struct master *m);

/* What pools share, for the settings that are to hold: how many descriptors the master may need with these pools, and a
 * loader, where that of before ends. */
void pools_apply(struct master *m, const struct conf *conf);

/* The master is a subreaper: reaps what workers' children leave behind. */
void pools_reap_strangers(const struct master *m);
