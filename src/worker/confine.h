/* SPDX-License-Identifier: MIT */
#pragma once
/* The last steps into a pool's confinement: apparmor_hat, chroot, chdir. After everything that needs files outside. */

#include "conf/model.h"

/* 0, or -errno with a log entry that says what failed. */
int confine_enter(const struct conf_pool *pool);
