/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The slow log's way into a worker that is not dumpable: a descriptor of its memory, for reading alone, which the
 * worker opens itself before it has run any PHP code, and gives to its zygote.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "conf/model.h"

/* Once, at the zygote's start, and before it gives up its capabilities: looks for a way to keep every other process of
 * its user out meanwhile. */
void reading_prepare(const struct conf_pool *pool);

/* A way for one worker, before its fork: {-1, -1} where its pool has no slow log, or there is none that is safe. The
 * worker is then dumpable, and read with process_vm_readv(2). */
void reading_pair(int ret[static 2]);

/* In the worker, first of all; takes its end. False: the worker has to be dumpable. Ends the process when it cannot
 * become what the others are. */
bool reading_give(int end);

/* In the zygote, after the fork. Takes its end. The worker's memory, the caller's to close, or -1. It waits for a
 * second at most. */
int reading_take(int end);
