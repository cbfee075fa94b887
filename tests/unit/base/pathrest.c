/* SPDX-License-Identifier: MIT */
#include "base/pathrest.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

static void begin(struct pathrest *r, const char *path) {
        assert_int_equal(pathrest_begin(r, path), 0);
}

static void expect(struct pathrest *r, const char *name, const char *rest) {
        char found[NAME_MAX + 1];

        assert_int_equal(pathrest_next(r, found), *name != '\0');
        assert_string_equal(found, name);
        assert_string_equal(r->text, rest);
}

static void test_names(void **state) {
        struct pathrest r;

        begin(&r, "//a/../b///");
        expect(&r, "a", "/../b///");
        expect(&r, "..", "/b///");
        expect(&r, "b", "///");
        expect(&r, "", "");
        begin(&r, "a");
        expect(&r, "a", "");
}

static void test_lengths(void **state) {
        char path[PATH_MAX + 1] = "", name[NAME_MAX + 1];
        struct pathrest r;

        memset(path, 'a', PATH_MAX);
        assert_int_equal(pathrest_begin(&r, path), -ENAMETOOLONG);
        path[NAME_MAX + 1] = '\0';
        begin(&r, path);
        assert_int_equal(pathrest_next(&r, name), -ENAMETOOLONG);
        begin(&r, path + 1);
        expect(&r, path + 1, "");
}

/* A link to target, open; the name itself is gone. */
static int link_to(const char *target) {
        char folder[] = "/tmp/fpmd-pathrest-XXXXXX", path[64];
        int fd;

        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/link", folder);
        assert_int_equal(symlink(target, path), 0);
        fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(folder), 0);
        return fd;
}

static void test_links(void **state) {
        _cleanup_fd_ int near = link_to("c/d"), root = link_to("/e");
        struct pathrest r;

        begin(&r, "/b");
        assert_int_equal(pathrest_follow(&r, near), 0);
        assert_string_equal(r.text, "c/d/b");
        assert_int_equal(pathrest_follow(&r, root), PATHREST_E_ROOT);
        assert_string_equal(r.text, "/ec/d/b");
}

static void test_links_without_end(void **state) {
        _cleanup_fd_ int fd = link_to("c");
        struct pathrest r;

        begin(&r, "");
        for (unsigned i = 0; i < 40; i++)
                assert_int_equal(pathrest_follow(&r, fd), 0);
        assert_int_equal(pathrest_follow(&r, fd), -ELOOP);
}

static void test_target_that_is_too_long_with_the_rest(void **state) {
        char path[PATH_MAX];
        _cleanup_fd_ int fd = link_to("cc");
        struct pathrest r;

        memset(path, 'a', sizeof(path));
        path[sizeof(path) - 2] = '\0';
        begin(&r, path);
        assert_int_equal(pathrest_follow(&r, fd), -ENAMETOOLONG);
        assert_string_equal(r.text, path);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_lengths),
                cmocka_unit_test(test_links),
                cmocka_unit_test(test_links_without_end),
                cmocka_unit_test(test_target_that_is_too_long_with_the_rest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
