/* SPDX-License-Identifier: MIT */
#pragma once
/* A process that is to be a pool's zygote, from its fork to the pool's user. The master hears of a failure over the
 * message socket, in words, as of a start-up of PHP that fails. */

#include "child/identity.h"
#include "conf/model.h"

/* Says so, and ends this process. r: -errno. */
_noreturn_ void poolchild_fail(int ipc, const char *what, int r);

/*
 * Limits, priority, user, capabilities. n_fds: how many descriptors it has inherited, or will. Returns the way to the
 * process that will put this one into the pool's chroot; -1: the pool has none. A failure ends this process.
 */
int poolchild_enter(const struct conf *settings, const struct identity *who, size_t n_fds, int ipc);
