/* SPDX-License-Identifier: MIT */
/* Checked numbers; see number.h. strtoull() is not used: it takes signs and blanks. */

#include "base/number.h"

#include <errno.h>

static int number_parse(const char *s, unsigned base, uint64_t min, uint64_t max, uint64_t *ret) {
        uint64_t v = 0;

        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                unsigned digit = (unsigned)(unsigned char)*s - '0';

                if (digit >= base)
                        return -EINVAL;
                if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v))
                        return -ERANGE;
        }
        if (v < min || v > max)
                return -ERANGE;
        *ret = v;
        return 0;
}

int number_parse_u64(const char *s, uint64_t max, uint64_t *ret) {
        return number_parse(s, 10, 0, max, ret);
}

int number_parse_range(const char *s, uint64_t min, uint64_t max, uint64_t *ret) {
        return number_parse(s, 10, min, max, ret);
}

int number_parse_octal(const char *s, uint64_t max, uint64_t *ret) {
        return number_parse(s, 8, 0, max, ret);
}

uint64_t number_add(uint64_t a, uint64_t b) {
        uint64_t sum;

        return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}
