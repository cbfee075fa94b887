/* SPDX-License-Identifier: MIT */
#pragma once
/* The status page as metrics for Prometheus, php-fpm's names first. */

#include "base/text.h"
#include "status/snapshot.h"

/* Appends one exposition, up to its "# EOF". Series of single workers are there when full, which wants a snapshot with
 * rows. */
void status_openmetrics_render(const struct status_snapshot *s, bool full, struct text *out);
