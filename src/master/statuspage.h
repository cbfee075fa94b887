/* SPDX-License-Identifier: MIT */
#pragma once
/* pm.status_listen: a pool's ping and status pages on a socket of their own, answered by the master, so that they come
 * when every worker is busy. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "master/listenset.h"
#include "pool/pool.h"

struct statuspage;

/* Serves the pages of a pool, which must outlive it, on these listeners, which it takes over (when it fails, too). 0 or
 * -errno. */
int statuspage_new(sd_event *event, const struct pool *pool, struct listen_set *listeners, struct statuspage **ret);

/* Cuts connections, and closes the listeners; see listen_set_free(). */
void statuspage_free(struct statuspage *s);
DEFINE_CLEANUP(struct statuspage *, statuspage_free)

/* Its sockets. NULL for no page at all. */
struct listen_set *statuspage_listeners(const struct statuspage *s);

/* The pm.status_listen it was opened for. NULL for no page at all. */
const char *statuspage_address(const struct statuspage *s);

/* defer_apply() of its listeners, of a reload that keeps them; of no page, nothing. */
void statuspage_set_defer(struct statuspage *s, const struct conf_pool *settings);

/* listen_set_log() of its listeners; of no page, nothing. */
void statuspage_log_inherited(const struct statuspage *s);
