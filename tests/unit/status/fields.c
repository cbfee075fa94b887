/* SPDX-License-Identifier: MIT */
/* status/fields.h: what each kind of value looks like. The lists themselves are seen in the tests of the pages. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "status/fields.h"
#include "status/markup.h"

static void test_values(void **state) {
        static const struct {
                struct status_value value;
                const char *want;
        } values[] = {
                { { .kind = STATUS_NUMBER, .number = 7 }, "7" },
                { { .kind = STATUS_CENTS, .number = 1203 }, "12.03" },
                { { .kind = STATUS_MOMENT, .number = 0 }, "01/Jan/1970:00:00:00 +0000" },
                { { .kind = STATUS_TEXT, .text = "<" }, "&lt;" },
                { { .kind = STATUS_URI, .text = "", .query = "" }, "-" },
                { { .kind = STATUS_URI, .text = "/a", .query = "b&c" }, "/a?b&amp;c" },
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                _cleanup_text_ struct text out = {};

                status_fields_render(&values[i].value, false, status_markup_text, &out);
                assert_string_equal(text_peek(&out), values[i].want);
        }
}

static void test_moments_in_seconds(void **state) {
        const struct status_value v = { .kind = STATUS_MOMENT, .number = 86400 };
        _cleanup_text_ struct text out = {};

        status_fields_render(&v, true, status_markup_text, &out);
        assert_string_equal(text_peek(&out), "86400");
}

static void test_dashes(void **state) {
        char buf[STATUS_NAME_MAX];

        assert_string_equal(status_fields_dashed("max active processes", buf), "max-active-processes");
        assert_string_equal(status_fields_dashed("", buf), "");
        assert_string_equal(status_fields_dashed("a name that is longer than any of them", buf),
                            "a-name-that-is-longer-than-any-");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_moments_in_seconds),
                cmocka_unit_test(test_dashes),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
