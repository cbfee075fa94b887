/* SPDX-License-Identifier: MIT */
#pragma once
/* Strings of JSON, RFC 8259 section 7, with the escapes that PHP's json_encode() uses: slashes are escaped too. Out of
 * memory shows in out->failed. */

#include "base/text.h"

/* Appends s with its quotes: ASCII whatever the bytes; what is not UTF-8 becomes U+FFFD. */
void json_string(const char *s, struct text *out);

/* The same without quotes. */
void json_escape(const char *s, struct text *out);
