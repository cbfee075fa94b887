/* SPDX-License-Identifier: MIT */
#pragma once
/* Numbers from text, checked: no sign, no blanks, no trailing bytes, no overflow. And sums without overflow. */

#include <stddef.h>
#include <stdint.h>

/* Decimal. 0; -EINVAL (not a number); -ERANGE (does not fit, or above max). */
int number_parse_u64(const char *s, uint64_t max, uint64_t *ret);

/* The same, with a least value too: below it is -ERANGE. */
int number_parse_range(const char *s, uint64_t min, uint64_t max, uint64_t *ret);

/* Octal, as file modes are written; a leading 0 is allowed. Same errors. */
int number_parse_octal(const char *s, uint64_t max, uint64_t *ret);

/* The sum, or the greatest number where it does not fit. */
uint64_t number_add(uint64_t a, uint64_t b);
