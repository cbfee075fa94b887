/* SPDX-License-Identifier: MIT */
/* Checked numbers: what strtoull() would let pass must not. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/number.h"

struct row {
        const char *says;
        const char *text;
        uint64_t max;
        int r;
        uint64_t value;
};

static const struct row decimals[] = {
        { "zero", "0", 10, 0, 0 },
        { "leading zeros are decimal", "010", 10, 0, 10 },
        { "the maximum itself", "65535", 65535, 0, 65535 },
        { "one above the maximum", "65536", 65535, -ERANGE, 0 },
        { "the largest number", "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
        { "overflow in the addition", "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
        { "overflow in the multiplication", "99999999999999999999", UINT64_MAX, -ERANGE, 0 },
        { "nothing", "", 10, -EINVAL, 0 },
        { "a sign", "-1", 10, -EINVAL, 0 },
        { "a plus sign", "+1", 10, -EINVAL, 0 },
        { "a leading blank", " 1", 10, -EINVAL, 0 },
        { "a trailing blank", "1 ", 10, -EINVAL, 0 },
        { "a unit", "1k", 10, -EINVAL, 0 },
        { "hexadecimal", "0x1", 10, -EINVAL, 0 },
        { "a byte just below '0'", "/", 10, -EINVAL, 0 },
        { "a byte just above '9'", ":", 10, -EINVAL, 0 },
        { "a byte above ASCII", "\xb1", 10, -EINVAL, 0 },
};

static const struct row octals[] = {
        { "a mode", "0660", 07777, 0, 0660 },
        { "without the zero", "660", 07777, 0, 0660 },
        { "a digit that is not octal", "0680", 07777, -EINVAL, 0 },
        { "above the maximum", "10000", 07777, -ERANGE, 0 },
        { "nothing", "", 07777, -EINVAL, 0 },
};

static void check(int (*parse)(const char *, uint64_t, uint64_t *), const struct row *rows, size_t n) {
        for (size_t i = 0; i < n; i++) {
                uint64_t v = 4711;
                int r = parse(rows[i].text, rows[i].max, &v);

                if (r != rows[i].r || v != (r < 0 ? 4711 : rows[i].value))
                        fail_msg("%s: %d, %llu", rows[i].says, r, (unsigned long long)v);
        }
}

static void test_decimal(void **state) {
        check(number_parse_u64, decimals, ELEMENTSOF(decimals));
}

static void test_range(void **state) {
        uint64_t v = 4711;

        assert_int_equal(number_parse_range("0", 1, 3, &v), -ERANGE);
        assert_int_equal(number_parse_range("4", 1, 3, &v), -ERANGE);
        assert_int_equal(number_parse_range("x", 1, 3, &v), -EINVAL);
        assert_int_equal(v, 4711);
        assert_int_equal(number_parse_range("1", 1, 3, &v), 0);
        assert_int_equal(v, 1);
        assert_int_equal(number_parse_range("3", 1, 3, &v), 0);
        assert_int_equal(v, 3);
}

static void test_octal(void **state) {
        check(number_parse_octal, octals, ELEMENTSOF(octals));
}

static void test_sums(void **state) {
        assert_int_equal(number_add(1, 2), 3);
        assert_int_equal(number_add(UINT64_MAX - 1, 1), UINT64_MAX);
        assert_int_equal(number_add(UINT64_MAX, 1), UINT64_MAX);
        assert_int_equal(number_add(UINT64_MAX, UINT64_MAX), UINT64_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decimal),
                cmocka_unit_test(test_range),
                cmocka_unit_test(test_octal),
                cmocka_unit_test(test_sums),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
