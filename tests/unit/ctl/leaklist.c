/* SPDX-License-Identifier: MIT */
/* What fpmctl leaks makes of a ring, whatever its pool has written there. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "leaklist.h"
#include "scoreboard/leaks.h"

static int set_up(void **state) {
        struct scoreboard *s = aligned_alloc(4096, sizeof(*s));

        if (!s)
                return -1;
        memset(s, 0, sizeof(*s));
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        free(*state);
        return 0;
}

static void put(struct scoreboard *s, const char *what, unsigned number) {
        struct scoreboard_leak leak = { .kind = SCOREBOARD_LEAK_GREW, .line = number };

        snprintf(leak.name, sizeof(leak.name), "%s %u", what, number);
        leaks_put(s, &leak);
}

static void test_each_name_is_there_once_with_its_number(void **state) {
        _cleanup_leaklist_ struct leaklist list = {};
        struct scoreboard *s = *state;
        uint64_t next = 0;

        for (unsigned i = 0; i < 3; i++)
                put(s, "often", 1);
        put(s, "once", 2);
        leaklist_read(&list, s, &next);
        put(s, "often", 1);
        leaklist_read(&list, s, &next);
        assert_int_equal(list.n, 2);
        assert_int_equal(list.items[0].n, 4);
        assert_string_equal(list.items[1].last.name, "once 2");
        assert_int_equal(list.items[1].n, 1);
        assert_int_equal(list.lost, 0);
        assert_int_equal(next, 5);
}

static void test_what_was_overwritten_is_counted(void **state) {
        _cleanup_leaklist_ struct leaklist list = {};
        struct scoreboard *s = *state;
        uint64_t next = 0;

        for (unsigned i = 0; i < SCOREBOARD_LEAKS + 7; i++)
                put(s, "one", i);
        leaklist_read(&list, s, &next);
        assert_int_equal(list.n, SCOREBOARD_LEAKS);
        assert_int_equal(list.lost, 7);
}

/* A pool may go on for ever. */
static void test_names_that_are_made_up_are_bounded(void **state) {
        _cleanup_leaklist_ struct leaklist list = {};
        struct scoreboard *s = *state;
        uint64_t next = 0;
        unsigned n = 0;

        for (unsigned round = 0; round < 10; round++) {
                for (unsigned i = 0; i < SCOREBOARD_LEAKS; i++)
                        put(s, "made up", n++);
                leaklist_read(&list, s, &next);
        }
        assert_int_equal(list.n, LEAKLIST_MAX);
        assert_int_equal(list.lost, n - LEAKLIST_MAX);
        put(s, "made up", 0);
        leaklist_read(&list, s, &next);
        assert_int_equal(list.items[0].n, 2); /* those that are kept are counted on */
}

static void test_numbers_that_jump(void **state) {
        static const uint64_t jumps[] = { UINT64_MAX, 0, UINT64_MAX / 2, 1, UINT64_MAX - 1 };
        _cleanup_leaklist_ struct leaklist list = {};
        struct scoreboard *s = *state;
        uint64_t next = 5;

        memset(s->leaks.ring, 0xfe, sizeof(s->leaks.ring));
        for (size_t i = 0; i < ELEMENTSOF(jumps); i++) {
                s->leaks.found = jumps[i];
                leaklist_read(&list, s, &next);
        }
        assert_int_equal(list.n, 1); /* all read the same */
        assert_true(list.items[0].n <= ELEMENTSOF(jumps) * SCOREBOARD_LEAKS);
        assert_int_equal(strlen(list.items[0].last.name), SCOREBOARD_LEAK_NAME_MAX - 1);
        assert_false(list.failed);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_each_name_is_there_once_with_its_number, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_was_overwritten_is_counted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_names_that_are_made_up_are_bounded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_numbers_that_jump, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
