/* SPDX-License-Identifier: MIT */
#pragma once
/* Pages that a worker answers without PHP: ping.path and pm.status_path. */

#include <stdbool.h>

#include "conf/model.h"
#include "scoreboard/layout.h"
#include "worker/track.h"
#include "worker/transport.h"

/* Answers the request in hand when it is for one of the pool's own pages. True when it was; the caller ends the
 * request. */
bool pages_answer(struct transport *t, const struct track_request *request, const struct conf_pool *pool,
                  const struct scoreboard *scoreboard);
