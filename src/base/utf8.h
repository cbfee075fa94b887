/* SPDX-License-Identifier: MIT */
#pragma once
/* UTF-8, RFC 3629: one code point at a time. */

#include <stddef.h>
#include <stdint.h>

/* Decodes the code point at s, which is NUL-terminated and not at its end. Bytes used, or 0 when it is no UTF-8. */
size_t utf8_decode(const char *s, uint32_t *ret);

/* U+FFFD, what stands for bytes that cannot be shown. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"
