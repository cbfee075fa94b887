/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Clients' idle connections over a restart: at the end of the process what the pools' parks give goes into the fd store
 * (store.h), and at the start of the next one what comes back goes to the parks.
 */

#include "master/state.h"

/* Just before all pools are stopped in good order: how many the parks of each that goes on may give. None, where these
 * are killed at once (process_control_timeout = 0). */
void clients_prepare(struct master *m);

/* pool_env.keep() */
bool clients_keep(struct pool *pool, uid_t uid, int fd, void *userdata);

/* Gives a new pool what has come back for it. */
void clients_return(struct master *m, struct master_pool *mp, const struct conf_pool *settings);
