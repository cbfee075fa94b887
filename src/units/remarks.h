/* SPDX-License-Identifier: MIT */
#pragma once
/* What stands in a pool's file, and neither its units nor fpmd in their sandbox can do. */

#include "base/text.h"
#include "conf/model.h"

/* Appends a line for each, "[FILE:LINE] directive 'NAME': ...". Pure. */
void remarks_list(const struct conf_pool *pool, struct text *out);
