/* SPDX-License-Identifier: MIT */
#pragma once
/* Rules about security.landlock. */

#include "conf/check.h"

/* Lists of paths that would do nothing, and a kernel that cannot do it. */
void conf_reach_check(const struct conf_check *k, const struct conf_pool *pool);
