/* SPDX-License-Identifier: MIT */
#pragma once
/* The other programs of ours: fpmd-zygote, fpmd-park, fpmd-logger. */

#include "base/text.h"
#include "pool/pool.h"

/* Those that pools run; they stay open for as long as the master lives. 0, or -errno, told in problems. */
int programs_open_all(struct pool_env *env, struct text *problems);
