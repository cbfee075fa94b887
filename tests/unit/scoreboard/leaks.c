/* SPDX-License-Identifier: MIT */
/* scoreboard/leaks.h: requests that are asked for are taken once, and a reader is safe from what writers left. */

#include "scoreboard/leaks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct scoreboard *board_new(void) {
        struct scoreboard *s = aligned_alloc(4096, sizeof(*s));

        assert_non_null(s);
        memset(s, 0, sizeof(*s));
        return s;
}

static void test_as_many_are_taken_as_are_wanted(void **state) {
        struct scoreboard *s = board_new();

        assert_false(leaks_take(s));
        leaks_want(s, 2);
        assert_true(leaks_take(s));
        assert_true(leaks_take(s));
        assert_false(leaks_take(s));
        leaks_want(s, 5);
        leaks_want(s, 1);
        assert_true(leaks_take(s));
        assert_false(leaks_take(s));
        free(s);
}

static void test_the_last_ones_are_read(void **state) {
        struct scoreboard *s = board_new();
        struct scoreboard_leak leak = { .kind = SCOREBOARD_LEAK_CHANGED, .name = "a", .what = "b", .file = "c" };

        assert_false(leaks_read(s, 0, &leak));
        for (uint32_t i = 0; i < SCOREBOARD_LEAKS + 1; i++) {
                leak = (struct scoreboard_leak){
                        .kind = SCOREBOARD_LEAK_CHANGED, .line = i, .name = "a", .what = "b", .file = "c"
                };
                leaks_put(s, &leak);
        }
        assert_false(leaks_read(s, 0, &leak));
        assert_false(leaks_read(s, SCOREBOARD_LEAKS + 1, &leak));
        for (uint32_t i = 1; i < SCOREBOARD_LEAKS + 1; i++) {
                assert_true(leaks_read(s, i, &leak));
                assert_int_equal(leak.line, i);
                assert_int_equal(leak.kind, SCOREBOARD_LEAK_CHANGED);
                assert_string_equal(leak.file, "c");
        }
        free(s);
}

static void test_what_writers_left_is_bounded(void **state) {
        struct scoreboard *s = board_new();
        struct scoreboard_leak leak = { .name = "a" };

        leaks_put(s, &leak);
        s->leaks.ring[0].seq |= 1; /* its writer was killed */
        assert_false(leaks_read(s, 0, &leak));
        leaks_put(s, &leak);
        memset(&s->leaks.ring[1], 0xfe, sizeof(s->leaks.ring[1]));
        (void)leaks_read(s, 1, &leak);
        assert_true(leak.kind < _SCOREBOARD_LEAK_MAX);
        assert_int_equal(strnlen(leak.name, sizeof(leak.name)), sizeof(leak.name) - 1);
        assert_int_equal(strnlen(leak.what, sizeof(leak.what)), sizeof(leak.what) - 1);
        assert_int_equal(strnlen(leak.file, sizeof(leak.file)), sizeof(leak.file) - 1);
        assert_string_equal(leaks_heading(_SCOREBOARD_LEAK_MAX), "unknown");
        free(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_many_are_taken_as_are_wanted),
                cmocka_unit_test(test_the_last_ones_are_read),
                cmocka_unit_test(test_what_writers_left_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
