/* SPDX-License-Identifier: MIT */
#pragma once
/* The status page as HTML, php-fpm's layout. */

#include "base/text.h"
#include "status/snapshot.h"

/* Appends one document. The table of workers is there when full, which wants a snapshot with rows. */
void status_html_render(const struct status_snapshot *s, bool full, struct text *out);
