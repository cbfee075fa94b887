/* SPDX-License-Identifier: MIT */
/* With how many workers a generation begins (pool/scale.h). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pool/scale.h"

static void test_first_workers(void **state) {
        struct conf_pool c = { .pm = CONF_PM_STATIC, .start_servers = 9 };

        assert_int_equal(scale_first(&c, 16, false), 16);
        assert_int_equal(scale_first(&c, 16, true), 4);
        c.pm = CONF_PM_DYNAMIC;
        assert_int_equal(scale_first(&c, 16, false), 9);
        assert_int_equal(scale_first(&c, 16, true), 2);
        assert_int_equal(scale_first(&c, 5, false), 5); /* "auto" may allow fewer than the first ones */
        assert_int_equal(scale_first(&c, 5, true), 1);
        c.start_servers = 1;
        assert_int_equal(scale_first(&c, 16, true), 1);
        c.pm = CONF_PM_ONDEMAND;
        assert_int_equal(scale_first(&c, 16, false), 0);
        assert_int_equal(scale_first(&c, 16, true), 0);
        c.worker_script = (char *)"/app.php"; /* whether it boots is known beforehand */
        assert_int_equal(scale_first(&c, 16, false), 1);
        assert_int_equal(scale_first(&c, 16, true), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_first_workers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
