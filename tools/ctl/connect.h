/* SPDX-License-Identifier: MIT */
#pragma once
/* A pool's address and a connection to it. Every failure is told on stderr, with the address; the functions return 0 or
 * an exit code. */

#include "base/addr.h"

/* Where a pool of the configuration listens (NULL: the first pool): a string that the caller frees. */
int ctl_connect_configured(const char *config, const char *pool_name, char **ret);

int ctl_connect_parse(const char *address, struct addr *ret);

/* address is the text for messages. *ret: a blocking descriptor, the caller's. */
int ctl_connect_open(const char *address, const struct addr *a, int *ret);
