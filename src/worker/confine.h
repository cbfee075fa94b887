/* SPDX-License-Identifier: MIT */
#pragma once
/* The last steps into a pool's confinement: apparmor_hat, chdir. After everything that needs files outside. */

#include "conf/model.h"

/* Nothing without apparmor_hat. For good. 0, or -errno with a log entry that says what failed. */
int confine_change_hat(const struct conf_pool *pool);

/* In the worker. The pool's chroot, if it has one, is this process's root already: zygote/chroot.h. As above. */
int confine_enter(const struct conf_pool *pool);
