/* SPDX-License-Identifier: MIT */
/* Growing text: what is appended comes out, and a failure is remembered until the end. */

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void test_appends_add_up(void **state) {
        _cleanup_text_ struct text t = {};
        _cleanup_free_ char *s = NULL;
        size_t n;

        assert_string_equal(text_peek(&t), "");
        text_append(&t, "a");
        text_append_c(&t, 'b');
        text_append_n(&t, "c\0d", 3);
        text_printf(&t, "%s-%d", "e", 5);
        assert_int_equal(text_finish(&t, &s, &n), 0);
        assert_int_equal(n, 8);
        assert_memory_equal(s, "abc\0de-5", 9);
        assert_null(t.data);
        assert_int_equal(t.n, 0);
}

static void test_empty_is_a_string(void **state) {
        struct text t = {};
        _cleanup_free_ char *s = NULL;

        assert_int_equal(text_finish(&t, &s, NULL), 0);
        assert_string_equal(s, "");
}

static void test_growth_keeps_every_byte(void **state) {
        _cleanup_text_ struct text t = {};

        for (size_t i = 0; i < 5000; i++)
                text_printf(&t, "%04zu", i);
        assert_int_equal(t.n, 20000);
        assert_int_equal(strlen(t.data), 20000);
        for (size_t i = 0; i < 5000; i++) {
                char want[8];

                snprintf(want, sizeof(want), "%04zu", i);
                assert_memory_equal(t.data + 4 * i, want, 4);
        }
}

/* Around the first allocation's size, where a NUL that was not reserved would be written out of bounds (ASan). */
static void test_every_length_has_room_for_its_end(void **state) {
        for (int n = 0; n < 300; n++) {
                _cleanup_text_ struct text t = {};

                text_printf(&t, "%*s", n, "");
                text_append_n(&t, "", 0);
                assert_int_equal(t.n, n);
                assert_int_equal(t.data[n], '\0');
                assert_true(t.size > t.n);
        }
}

static void test_failure_sticks(void **state) {
        struct text t = {};
        char *s = (char *)"untouched";

        text_append(&t, "x");
        text_append_n(&t, "y", SIZE_MAX / 2); /* refused before a byte is copied */
        assert_true(t.failed);
        text_append(&t, "z");
        text_printf(&t, "%d", 1);
        assert_string_equal(text_peek(&t), "x");
        assert_int_equal(text_finish(&t, &s, NULL), -ENOMEM);
        assert_string_equal(s, "untouched");
        assert_null(t.data);
}

static void test_printf_knows_the_error_number(void **state) {
        _cleanup_text_ struct text t = {};

        errno = ENOENT;
        text_printf(&t, "%m");
        assert_string_equal(text_peek(&t), strerror(ENOENT));
}

static void test_comparisons(void **state) {
        assert_true(text_equal("a", "a"));
        assert_false(text_equal("a", "b"));
        assert_true(text_equal(NULL, NULL));
        assert_false(text_equal("a", NULL));
        assert_false(text_equal(NULL, "a"));
        assert_true(text_has_prefix("abc", "ab"));
        assert_true(text_has_prefix("abc", ""));
        assert_false(text_has_prefix("a", "ab"));
        assert_true(text_has_suffix("abc", "bc"));
        assert_true(text_has_suffix("abc", ""));
        assert_false(text_has_suffix("c", "bc"));
}

static void test_copy_terminates(void **state) {
        char field[4];

        memset(field, 'x', sizeof(field));
        assert_int_equal(text_copy(field, sizeof(field), "abcdef", 6), 3);
        assert_string_equal(field, "abc");
        assert_int_equal(text_copy(field, sizeof(field), "ab", 2), 2);
        assert_string_equal(field, "ab");
        assert_int_equal(text_copy(field, sizeof(field), "abc", 0), 0);
        assert_string_equal(field, "");
        assert_int_equal(text_copy(field, 1, "abc", 3), 0);
        assert_string_equal(field, "");
        field[0] = 'k';
        assert_int_equal(text_copy(field, 0, "abc", 3), 0);
        assert_int_equal(field[0], 'k');
}

static void test_words_of_a_list(void **state) {
        static const struct {
                const char *list;
                const char *words[4];
        } lists[] = {
                { "", {} },
                { " ,, \t", {} },
                { "a", { "a" } },
                { ",a, bc\t,d,", { "a", "bc", "d" } },
        };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                const char *list = lists[i].list, *word;
                size_t n, k = 0;

                while ((word = text_word(&list, ", \t", &n))) {
                        assert_non_null(lists[i].words[k]);
                        assert_int_equal(n, strlen(lists[i].words[k]));
                        assert_memory_equal(word, lists[i].words[k++], n);
                }
                assert_null(lists[i].words[k]);
                assert_string_equal(list, "");
        }
}

static void test_each_line_once(void **state) {
        _cleanup_text_ struct text t = {};

        text_append_lines_once(&t, "", "");
        assert_string_equal(text_peek(&t), "");
        text_append_lines_once(&t, "", "b\na b\n\nb\n");
        text_append_lines_once(&t, "", "a\na b");
        assert_string_equal(text_peek(&t), "b\na b\na\n"); /* "a" begins a line, and is none yet; "b" ends one */
        text_append_lines_once(&t, "note: ", "b\n");
        text_append_lines_once(&t, "note: ", "b\nc");
        assert_string_equal(text_peek(&t), "b\na b\na\nnote: b\nnote: c\n");
}

static void test_keys_begin_lines(void **state) {
        static const char text[] = "Pid:\t7\nPss_Dirty: 1\nPss: 2\noom_kill 3\nmax";

        assert_memory_equal(text_behind_key(text, "Pid"), "\t7", 2);
        assert_memory_equal(text_behind_key(text, "Pss"), " 2", 2);
        assert_memory_equal(text_behind_key(text, "oom_kill"), "3", 1);
        assert_null(text_behind_key(text, "oom"));
        assert_null(text_behind_key(text, "Dirty"));
        assert_null(text_behind_key(text, "max"));
        assert_null(text_behind_key("", "max"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_appends_add_up),
                cmocka_unit_test(test_empty_is_a_string),
                cmocka_unit_test(test_growth_keeps_every_byte),
                cmocka_unit_test(test_every_length_has_room_for_its_end),
                cmocka_unit_test(test_failure_sticks),
                cmocka_unit_test(test_printf_knows_the_error_number),
                cmocka_unit_test(test_comparisons),
                cmocka_unit_test(test_copy_terminates),
                cmocka_unit_test(test_words_of_a_list),
                cmocka_unit_test(test_each_line_once),
                cmocka_unit_test(test_keys_begin_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
