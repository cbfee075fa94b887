/* SPDX-License-Identifier: MIT */
#pragma once
/* Text inside HTML and XML. */

#include "base/text.h"
#include "scoreboard/layout.h"

/* Appends s as character data: escaped, UTF-8 and without characters that XML 1.0 has not, whatever the bytes. What cannot be shown
 * becomes U+FFFD. */
void status_markup_text(const char *s, struct text *out);

/* The same, with "-" for an empty text. */
void status_markup_value(const char *s, struct text *out);

/* A worker's request URI with its query. */
void status_markup_uri(const struct scoreboard_slot *w, struct text *out);
