/* SPDX-License-Identifier: MIT */
#pragma once
/* The .socket unit that does for a pool what its listen directives did. */

#include "base/text.h"
#include "conf/model.h"

/* n_shards: accept queues of a TCP pool (systemd.socket(5), ReusePort=). Nothing is appended for listen = systemd.
 * Pure, unless listen has a host's name, which systemd would not take: it is resolved. */
void socket_unit_write(const struct conf_pool *pool, unsigned n_shards, struct text *out);
