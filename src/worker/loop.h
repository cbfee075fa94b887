/* SPDX-License-Identifier: MIT */
#pragma once
/* What a worker does from its first wait to its last request. */

#include "worker/self.h"

/* Serves requests until the worker is to end. 0 or -errno. */
int worker_loop(struct worker *w);

/* The same for worker.script, which has had its call by then, or the worker is to end. */
int worker_next(struct worker *w);

/* The script works on: what comes on the connection in hand is another worker's, if the park takes it. */
void worker_share(struct worker *w);

/* The script has ended by itself: what the worker has in hand is another one's. */
void worker_leave(struct worker *w);
