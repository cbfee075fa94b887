/* SPDX-License-Identifier: MIT */
#pragma once
/* What outlives this process in the fd store: listeners that fpmd has made itself, and each pool's counters. */

#include "master/state.h"

/* After inherited_take(): looks whether there is a store. What has come out of it is still in it. 0 or -errno. */
int keep_begin(struct master *m);

/* Has the store hold what is to outlive this process, as things are now. */
void keep_update(struct master *m);

/* The end of the process: files of sockets that are in the store stay. */
void keep_spare(const struct master *m);
