/* SPDX-License-Identifier: MIT */
#pragma once
/* The status page as XML, php-fpm's elements in php-fpm's order. */

#include "base/text.h"
#include "status/snapshot.h"

/* Appends one document. The element "processes" is there when full, which wants a snapshot with rows. */
void status_xml_render(const struct status_snapshot *s, bool full, struct text *out);
