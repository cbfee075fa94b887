/* SPDX-License-Identifier: MIT */
#pragma once
/* The status page as plain text, in php-fpm's layout: monitoring reads it line by line. */

#include "base/text.h"
#include "status/snapshot.h"

/* Appends the page; the workers' blocks follow when the snapshot has rows. */
void status_text_render(const struct status_snapshot *s, struct text *out);

/* A text of unknown origin on one line: no control character gets through, see base/printable.h. "-" for an empty one.
 */
void status_text_clean(const char *s, struct text *out);

/* Each of its lines as above, all but the first moved in by as many blanks. */
void status_text_lines(const char *s, unsigned indent, struct text *out);
