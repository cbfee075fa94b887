/* SPDX-License-Identifier: MIT */
#pragma once
/* From PHP's start-up, which reads files outside, into the pool's chroot. Workers are forked inside. */

#include "conf/model.h"

/* Once, when PHP is up; changes the hat before that, if the pool has one. Takes INHERIT_CHROOT. Nothing without a
 * chroot. 0, or -errno with the reason in words where that says more (malloc'd; the caller's). */
int zygote_enter_chroot(const struct conf_pool *pool, char **ret_reason);
