/* SPDX-License-Identifier: MIT */
#pragma once
/* The access log of a pool. */

#include "conf/model.h"

/* Opens it. 0 and *ret, the caller's, -1 when the pool has none; -errno, logged. */
int access_open(const struct conf_pool *conf, int *ret);
