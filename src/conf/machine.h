/* SPDX-License-Identifier: MIT */
#pragma once
/* The rules between a configuration and the machine it is read on: users and groups, folders, log files. */

#include "conf/check.h"

/* Each appends to the problems, as the rules of check.c do; a text_only check asks the machine nothing. */
void conf_machine_check_global(const struct conf_check *k);
void conf_machine_check_user(const struct conf_check *k, const struct conf_pool *pool);
void conf_machine_check_pool(const struct conf_check *k, const struct conf_pool *pool);
void conf_machine_check_names(const struct conf_check *k, const struct conf_pool *pool);

/* The numbers of the users of listen.peer_users, into the pool. */
void conf_machine_find_peers(const struct conf_check *k, struct conf_pool *pool);
