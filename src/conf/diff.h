/* SPDX-License-Identifier: MIT */
#pragma once
/* Changes between two configurations, by the table; where a setting stands in a file does not count. */

#include "base/text.h"
#include "conf/model.h"
#include "conf/rows.h"

/* True when both pools have the same name and the same effective settings. */
bool conf_diff_pool_equal(const struct conf_pool *a, const struct conf_pool *b);

/* True when the global settings are the same. */
bool conf_diff_global_equal(const struct conf_global *a, const struct conf_global *b);

/* Appends the names of the directives that differ, "pm, pm.max_children, env"; returns how many. */
size_t conf_diff_pool(const struct conf_pool *a, const struct conf_pool *b, struct text *names);

/* The same for [global], of the rows that apply so: CONF_APPLIES_RESTART gives those that a reload cannot take up. */
size_t conf_diff_global(const struct conf_global *a, const struct conf_global *b, enum conf_applies applies,
                        struct text *names);
