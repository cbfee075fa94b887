/* SPDX-License-Identifier: MIT */
/* What is told of requests that were sent again: times that are compared with each other have one unit and are cut at
 * the same place. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "retry.h"

#define MS UINT64_C(1000000)

static const struct {
        const char *says;
        uint64_t at, idle, waited; /* ns */
        const char *text;
} rows[] = {
        { "a fast answer", 80400, 1000, 32000, "\"at_ms\": 0.080, \"idle_ms\": 0.001, \"waited_ms\": 0.032" },
        { "the first microsecond", 1000, 0, 1000, "\"at_ms\": 0.001, \"idle_ms\": 0.000, \"waited_ms\": 0.001" },
        { "a slow one", 61002 * MS, 1 * MS, 60001 * MS,
          "\"at_ms\": 61002.000, \"idle_ms\": 1.000, \"waited_ms\": 60001.000" },
};

static void test_times(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct load_retries retries = {};
                _cleanup_text_ struct text out = {};

                load_retry_add(&retries, &(struct load_retry){
                                                 .at = rows[i].at, .idle = rows[i].idle, .waited = rows[i].waited });
                load_retry_render(&retries, &out);
                if (!strstr(text_peek(&out), rows[i].text))
                        fail_msg("%s: %s", rows[i].says, text_peek(&out));
        }
}

static void test_none(void **state) {
        _cleanup_text_ struct text out = {};

        load_retry_render(&(struct load_retries){}, &out);
        assert_string_equal(text_peek(&out), "[]");
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_times), cmocka_unit_test(test_none) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
