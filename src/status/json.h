/* SPDX-License-Identifier: MIT */
#pragma once
/* The status page as JSON, php-fpm's keys in php-fpm's order. */

#include "base/text.h"
#include "status/snapshot.h"

/* Appends one JSON object. The key "processes" is there when full, which wants a snapshot with rows. */
void status_json_render(const struct status_snapshot *s, bool full, struct text *out);

/* What the park has and has done, an object: fpmctl shows it beside the page, which has php-fpm's keys alone. */
void status_json_park(const struct status_snapshot *s, struct text *out);

/* Likewise: what was done under overload. */
void status_json_overload(const struct status_snapshot *s, struct text *out);

/* Likewise: what the pool's fence has kept out. */
void status_json_denied(const struct status_snapshot *s, struct text *out);
