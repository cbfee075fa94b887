/* SPDX-License-Identifier: MIT */
#pragma once
/* Text inside HTML and XML. */

#include "base/text.h"

/* Appends s as character data: escaped, UTF-8 and without characters that XML 1.0 has not, whatever the bytes. Others
 * become U+FFFD. */
void status_markup_text(const char *s, struct text *out);
