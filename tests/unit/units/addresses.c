/* SPDX-License-Identifier: MIT */
/* Which addresses cannot be those of two pools. */

#include "units/addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/text.h"

static const struct {
        const char *first, *second;
        int r;
} rows[] = {
        { "9000", "9001", 0 },
        { "9000", "09000", ADDRESSES_E_TAKEN },
        { "9000", "0.0.0.0:9000", ADDRESSES_E_TAKEN },
        { "9000", "127.0.0.1:9000", ADDRESSES_E_TAKEN },
        { "9000", "[::1]:9000", ADDRESSES_E_TAKEN },
        { "9000", "[::]:9000", ADDRESSES_E_TAKEN },
        { "[::]:9000", "0.0.0.0:9000", ADDRESSES_E_TAKEN },
        { "[::]:9000", "127.0.0.1:9000", ADDRESSES_E_TAKEN },
        { "0.0.0.0:9000", "127.0.0.1:9000", ADDRESSES_E_TAKEN },
        { "0.0.0.0:9000", "[::1]:9000", 0 },
        { "0.0.0.0:9000", "[::ffff:127.0.0.1]:9000", ADDRESSES_E_TAKEN },
        { "127.0.0.1:9000", "[::ffff:127.0.0.1]:9000", ADDRESSES_E_TAKEN },
        { "127.0.0.1:9000", "[::ffff:0.0.0.0]:9000", ADDRESSES_E_TAKEN },
        { "[::1]:9000", "[0:0::1]:9000", ADDRESSES_E_TAKEN },
        { "[::1]:9000", "127.0.0.1:9000", 0 },
        { "127.0.0.1:9000", "127.0.0.2:9000", 0 },
        { "127.0.0.1:9000", "127.0.0.1:9001", 0 },
        { "/run/x.sock", "/run/y.sock", 0 },
        { "/run/x.sock", "/run/../run/x.sock", ADDRESSES_E_TAKEN },
        { "/run/x.sock", "/run/.//php/../x.sock", ADDRESSES_E_TAKEN },
        { "/run/x.sock", "/../run/x.sock", ADDRESSES_E_TAKEN },
        { "/run/x.sock", "/var/run/x.sock", ADDRESSES_E_TAKEN },
        { "/run/x.sock", "/run/x.sock/y", 0 },
};

static bool is_as_said(const char *first, const char *second, int wanted) {
        const char *who = "";
        struct claims c = {};
        bool good;

        good = addresses_take(&c, first, (struct conf_where){ .file = "x", .line = 7 }, &who) == 0 &&
               addresses_take(&c, second, (struct conf_where){ .file = "y", .line = 1 }, &who) == wanted &&
               text_equal(who, wanted ? "[x:7]" : who);
        claims_done(&c);
        if (!good)
                print_error("%s and %s: %s\n", first, second, who);
        return good;
}

static void test_addresses_of_two_pools(void **state) {
        bool good = true;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                good &= is_as_said(rows[i].first, rows[i].second, rows[i].r);
                good &= is_as_said(rows[i].second, rows[i].first, rows[i].r);
        }
        assert_true(good);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addresses_of_two_pools),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
