/* SPDX-License-Identifier: MIT */
/* master/pidfile.h, whatever stands at the path. */

#include "master/pidfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "place.h"

#include "limit.h"

static const char *own(void) {
        static char digits[16];

        snprintf(digits, sizeof(digits), "%d", getpid());
        return digits;
}

static bool is_there(struct place *p, const char *name) {
        struct stat st;

        return lstat(place_name(p, name), &st) == 0;
}

static int write_it(struct place *p) {
        _cleanup_text_ struct text problems = {};

        return pidfile_write(place_name(p, "pid"), &problems);
}

static void has_the_id_and_no_newline(void **state) {
        struct place *p = *state;

        assert_int_equal(write_it(p), 0);
        assert_true(place_has(p, "pid", own()));
        pidfile_remove(place_name(p, "pid"));
        assert_false(is_there(p, "pid"));
}

static void an_old_one_is_replaced_as_a_whole(void **state) {
        struct place *p = *state;

        place_write(p, "pid", "123456789012345678901");
        assert_int_equal(write_it(p), 0);
        assert_true(place_has(p, "pid", own()));
}

/* The file that a link leads to stays what it is. */
static void a_link_is_replaced_not_followed(void **state) {
        struct place *p = *state;
        char target[96];

        place_write(p, "target", "precious");
        snprintf(target, sizeof(target), "%s", place_name(p, "target"));
        assert_int_equal(symlink(target, place_name(p, "pid")), 0);
        assert_int_equal(write_it(p), 0);
        assert_true(place_has(p, "target", "precious"));
        assert_true(place_has(p, "pid", own()));
}

static void a_folder_that_is_not_there_is_told(void **state) {
        _cleanup_text_ struct text problems = {};
        struct place *p = *state;
        char expected[256], path[128];

        snprintf(path, sizeof(path), "%s/no/pid", p->path);
        assert_int_equal(pidfile_write(path, &problems), PIDFILE_E_PROBLEM);
        snprintf(expected, sizeof(expected), "Unable to create the PID file (%s).: No such file or directory (2)\n",
                 path);
        assert_string_equal(text_peek(&problems), expected);
}

static void one_that_has_gone_is_restored_and_another_is_not(void **state) {
        struct place *p = *state;

        pidfile_restore(place_name(p, "pid"));
        assert_true(place_has(p, "pid", own()));
        place_write(p, "pid", "1");
        pidfile_restore(place_name(p, "pid"));
        assert_true(place_has(p, "pid", "1"));
}

static void another_masters_stays(void **state) {
        struct place *p = *state;

        place_write(p, "pid", "1");
        pidfile_remove(place_name(p, "pid"));
        assert_true(place_has(p, "pid", "1"));
        place_write(p, "pid", "");
        pidfile_remove(place_name(p, "pid"));
        assert_true(is_there(p, "pid"));
}

/* Nothing is removed that only begins like it. */
static void a_longer_text_stays(void **state) {
        struct place *p = *state;
        char text[32];

        snprintf(text, sizeof(text), "%s0", own());
        place_write(p, "pid", text);
        pidfile_remove(place_name(p, "pid"));
        assert_true(place_has(p, "pid", text));
}

/* limit.h ends the test where the end waits for a writer. */
static void a_fifo_in_its_place_is_not_waited_for(void **state) {
        timer_t limit = limit_begin();
        struct place *p = *state;

        assert_int_equal(mkfifo(place_name(p, "pid"), 0600), 0);
        pidfile_remove(place_name(p, "pid"));
        assert_true(is_there(p, "pid"));
        timer_delete(limit);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_new, place_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(has_the_id_and_no_newline),
                TEST(an_old_one_is_replaced_as_a_whole),
                TEST(a_link_is_replaced_not_followed),
                TEST(a_folder_that_is_not_there_is_told),
                TEST(one_that_has_gone_is_restored_and_another_is_not),
                TEST(another_masters_stays),
                TEST(a_longer_text_stays),
                TEST(a_fifo_in_its_place_is_not_waited_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
