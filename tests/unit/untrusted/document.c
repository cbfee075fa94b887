/* SPDX-License-Identifier: MIT */
/* untrusted/document.h: texts are bounded lines. What is refused: unit untrusted/zygote. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "untrusted/document.h"

static int document(const char *text, size_t n) {
        int fd = fd_new_sealed("test", text, n);

        assert_true(fd >= 0);
        return fd;
}

static void test_lines(void **state) {
        static const struct {
                const char *text, *read;
        } rows[] = {
                { "", "" },
                { "one", "one\n" },
                { "one\ntwo\n", "one\ntwo\n" },
                { "\n\nthree", "\n\nthree\n" },
                { "a\rb\x1b]0;c\x07", "a\\rb\\x1b]0;c\\x07\n" },
                { "\xc2\x9b", "\\xc2\\x9b\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_fd_ int fd = document(rows[i].text, strlen(rows[i].text));
                _cleanup_free_ char *read = NULL;

                assert_int_equal(untrusted_document_read(fd, 100, &read), 0);
                assert_string_equal(read, rows[i].read);
        }
}

static void test_sizes(void **state) {
        char text[101];

        memset(text, 'x', sizeof(text));
        for (size_t n = 99; n <= 101; n++) {
                _cleanup_fd_ int fd = document(text, n);
                _cleanup_free_ char *read = NULL;

                assert_int_equal(untrusted_document_read(fd, 100, &read), n <= 100 ? 0 : -EFBIG);
        }
}

/* A NUL ends the text: what is behind it is nobody's line. */
static void test_nul(void **state) {
        _cleanup_fd_ int fd = document("a\0b", 3);
        _cleanup_free_ char *read = NULL;

        assert_int_equal(untrusted_document_read(fd, 100, &read), 0);
        assert_string_equal(read, "a\n");
}

static void test_one_line(void **state) {
        char buf[8];

        untrusted_document_line("12345678", buf, sizeof(buf));
        assert_string_equal(buf, "1234567");
        untrusted_document_line("a\nb", buf, sizeof(buf));
        assert_string_equal(buf, "a\\nb");
        untrusted_document_line("", buf, sizeof(buf));
        assert_string_equal(buf, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_nul),
                cmocka_unit_test(test_one_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
