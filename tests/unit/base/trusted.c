/* SPDX-License-Identifier: MIT */
/* Links in the way of root: its own are followed, others' are not. */

#include "base/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/text.h"

#define SOMEBODY 65534

/* A folder with a file `file` in a folder `real`, and links of two owners to both. */
struct world {
        char path[32];
};

static void make_link(const char *target, const char *name, uid_t owner) {
        assert_int_equal(symlink(target, name), 0);
        if (geteuid() == 0)
                assert_int_equal(lchown(name, owner, owner), 0);
}

static int setup(void **state) {
        static struct world w;

        strcpy(w.path, "/tmp/fpmd-test-XXXXXX");
        assert_non_null(mkdtemp(w.path));
        assert_int_equal(chdir(w.path), 0);
        assert_int_equal(mkdir("real", 0755), 0);
        close(open("real/file", O_WRONLY | O_CREAT, 0600));
        make_link("real", "folder", geteuid());
        make_link("real", "planted-folder", SOMEBODY);
        make_link("real/file", "link", geteuid());
        make_link("folder/../link", "twice", geteuid());
        make_link("real/file", "planted", SOMEBODY);
        make_link("planted", "by-way-of-planted", geteuid());
        make_link("real/new", "to-be", geteuid());
        make_link("real/new", "planted-to-be", SOMEBODY);
        make_link("round", "round", geteuid());
        *state = &w;
        return 0;
}

static int teardown(void **state) {
        static const char *const names[] = { "folder",  "planted-folder",    "link",    "twice",
                                             "planted", "by-way-of-planted", "to-be",   "planted-to-be",
                                             "round",   "real/file",         "real/new" };
        const struct world *w = *state;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                unlink(names[i]);
        rmdir("real");
        assert_int_equal(chdir("/"), 0);
        return rmdir(w->path);
}

static const struct {
        const char *path;
        int planted; /* what root is told; 0: it is opened */
} rows[] = {
        { "real/file", 0 },
        { "./real//file", 0 },
        { "real/../real/./file", 0 },
        { "link", 0 },
        { "twice", 0 },
        { "folder/file", 0 },
        { "planted", -ELOOP },
        { "by-way-of-planted", -ELOOP },
        { "planted-folder/file", -ELOOP },
        { "planted-folder/../real/file", -ELOOP },
        { "to-be", 0 },
        { "real/new", 0 },
        { "planted-to-be", -ELOOP },
};

static void test_links(void **state) {
        const struct world *w = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (int absolute = 0; absolute < 2; absolute++) {
                        char path[PATH_MAX];
                        _cleanup_fd_ int fd = -1;
                        int wanted = geteuid() == 0 ? rows[i].planted : 0;

                        snprintf(path, sizeof(path), "%s%s%s", absolute ? w->path : "", absolute ? "/" : "",
                                 rows[i].path);
                        fd = trusted_open(path, O_WRONLY | O_CREAT, 0600);
                        if (wanted ? fd != wanted : fd < 0)
                                fail_msg("%s: %d, not %d", path, fd, wanted);
                        if (fd >= 0)
                                assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
                        unlink("real/new");
                }
}

static void test_what_is_wrong_without_links(void **state) {
        assert_int_equal(trusted_open("nowhere/file", O_RDONLY, 0), -ENOENT);
        assert_int_equal(trusted_open("real/file/more", O_RDONLY, 0), -ENOTDIR);
        assert_int_equal(trusted_open("round", O_RDONLY, 0), -ELOOP);
        assert_int_equal(trusted_open("real", O_WRONLY, 0), -EISDIR);
}

static void test_a_name_in_its_folder(void **state) {
        const char *name = NULL;
        _cleanup_fd_ int folder = trusted_open_folder("folder/file", &name), file = -1;

        assert_true(folder >= 0);
        assert_string_equal(name, "file");
        file = openat(folder, name, O_RDONLY | O_CLOEXEC);
        assert_true(file >= 0);
        assert_int_equal(trusted_open_folder("real/", &name), -EISDIR);
        assert_int_equal(trusted_unlink("folder/file"), 0);
        assert_int_equal(access("real/file", F_OK), -1);
        assert_int_equal(trusted_unlink("planted"), 0); /* the link itself */
        if (geteuid() == 0)
                assert_int_equal(trusted_unlink("planted-folder/file"), -ELOOP);
}

static int inode_of_folder(const char *path, ino_t *ret) {
        const char *name;
        _cleanup_fd_ int folder = trusted_open_folder(path, &name);
        struct stat st;

        if (folder < 0)
                return folder;
        assert_int_equal(fcntl(folder, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fstat(folder, &st), 0);
        *ret = st.st_ino;
        return 0;
}

/* Of one path after the other: another one's folder is another one, and what has been forgotten is walked to again. */
static void test_a_folder_that_is_remembered(void **state) {
        ino_t first, again, other, moved;

        assert_int_equal(mkdir("other", 0755), 0);
        trusted_remember();
        assert_int_equal(inode_of_folder("real/file", &first), 0);
        assert_int_equal(inode_of_folder("other/file", &other), 0);
        assert_int_equal(inode_of_folder("real/file", &again), 0);
        assert_true(first == again && first != other);
        assert_int_equal(rename("real", "away"), 0);
        assert_int_equal(inode_of_folder("real/more", &moved), 0);
        assert_true(moved == first);
        assert_int_equal(inode_of_folder("real2/more", &moved), -ENOENT);
        trusted_forget();
        assert_int_equal(inode_of_folder("real/more", &moved), -ENOENT);
        assert_int_equal(rename("away", "real"), 0);
        assert_int_equal(rmdir("other"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_links, setup, teardown),
                cmocka_unit_test_setup_teardown(test_what_is_wrong_without_links, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_name_in_its_folder, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_folder_that_is_remembered, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
