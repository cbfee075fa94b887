/* SPDX-License-Identifier: MIT */
#pragma once
/* The words for yes and no, in any case. */

#include <stdbool.h>
#include <stddef.h>

/* "1" for a word such as on, "" for one such as none, of n bytes, as PHP reads them where they are not in quotes; NULL:
 * not one of them. */
const char *conf_boolean_word(const char *word, size_t n);

/* One of these words, "1", "0" or "". 0 or -EINVAL. */
int conf_boolean_parse(const char *text, bool *ret);
