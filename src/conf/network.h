/* SPDX-License-Identifier: MIT */
#pragma once
/* Who may connect, and what an address of its kind can do: listen.allowed_clients, listen.peer_users, listen.shards,
 * listen.defer_accept. */

#include "conf/check.h"

/* Appends to the problems. */
void conf_network_check(const struct conf_check *k, const struct conf_pool *pool);
