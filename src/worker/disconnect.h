/* SPDX-License-Identifier: MIT */
#pragma once
/* request.on_disconnect = abort: sees that the client of the running script goes. */

#include "conf/model.h"

/* Once in a worker, which may do nothing yet that a thread would not share. 0 or -errno. */
int disconnect_start(const struct conf_pool *pool);

/* A script begins, whose client is at fd; and: that is not this worker's any more, or its reply has ended. Cost nothing
 * where the pool does not want it, else no system call but ten in a second. */
void disconnect_watch(int fd);
void disconnect_forget(void);
