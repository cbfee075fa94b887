/* SPDX-License-Identifier: MIT */
/* Where a path leads, and that no link leads there which the pool may have made. */

#include "worker/folderpath.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/macros.h"

static char root[64];

/* What is there, in the order of making. */
static const struct {
        const char *name;
        const char *target; /* of a link, from the root; "@": with the root in front; NULL: a folder */
} things[] = {
        { "site", NULL },          { "site/lib", NULL },     { "other", NULL },
        { "other/deep", NULL },    { "up", NULL },           { "up/in", NULL },
        { "current", "site" },     { "absolute", "@/site" }, { "up/planted", "@/other" },
        { "up/in/near", "../in" }, { "way", "up/in" },       { "site/loop", "loop" },
};

static const struct {
        const char *says;
        const char *path;
        int result;
        const char *same; /* what is meant */
} rows[] = {
        { "a folder", "site/lib", 0, "site/lib" },
        { "slashes and dots", "site//./lib/", 0, "site/lib" },
        { "a link of nobody's who could not do it otherwise", "current/lib", 0, "site/lib" },
        { "one from the root", "absolute/lib", 0, "site/lib" },
        { "one that is the end", "absolute", 0, "site" },
        { "a folder that the pool writes", "up", 0, "up" },
        { "a folder in it", "up/in", 0, "up/in" },
        { "a link to that", "way", 0, "up/in" },
        { "a link in it", "up/planted", FOLDERPATH_E_LINK, NULL },
        { "beyond one", "up/planted/deep", FOLDERPATH_E_LINK, NULL },
        { "to where it may write anyway, which is not told apart", "up/in/near", FOLDERPATH_E_LINK, NULL },
        { "by way of another link", "way/near", FOLDERPATH_E_LINK, NULL },
        { "and back again", "way/../planted", FOLDERPATH_E_LINK, NULL },
        { "nothing", "site/missing", -ENOENT, NULL },
        { "a link to itself", "site/loop", -ELOOP, NULL },
};

static const char *path_of(const char *name, char buf[static PATH_MAX]) {
        snprintf(buf, PATH_MAX, "%s/%s", root, name);
        return buf;
}

static int make(void **state) {
        char path[PATH_MAX], target[PATH_MAX];

        (void)state;
        snprintf(root, sizeof(root), "/tmp/fpmd-test-path-XXXXXX");
        if (!mkdtemp(root))
                return -1;
        for (size_t i = 0; i < ELEMENTSOF(things); i++) {
                const char *to = things[i].target;

                path_of(things[i].name, path);
                snprintf(target, sizeof(target), "%s%s", to && *to == '@' ? root : "", to ? to + (*to == '@') : "");
                if (to ? symlink(target, path) < 0 : mkdir(path, 0700) < 0)
                        return -1;
        }
        return 0;
}

static int take_away(void **state) {
        char path[PATH_MAX];

        (void)state;
        for (size_t i = ELEMENTSOF(things); i > 0; i--)
                if (remove(path_of(things[i - 1].name, path)) < 0)
                        return -1;
        return rmdir(root);
}

static void test_sentences_hold(void **state) {
        struct folderpath_writable writable = {};
        char path[PATH_MAX];

        (void)state;
        assert_int_equal(folderpath_add(&writable, path_of("up", path)), 0);
        assert_int_equal(folderpath_add(&writable, path_of("missing", path)), 0);
        assert_int_equal(writable.n, 1);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct stat got, wanted;
                int fd = -1, r = folderpath_open(&writable, path_of(rows[i].path, path), &fd);

                if (r != rows[i].result)
                        fail_msg("%s: %d", rows[i].says, r);
                if (r != 0)
                        continue;
                assert_int_equal(fstat(fd, &got), 0);
                assert_int_equal(stat(path_of(rows[i].same, path), &wanted), 0);
                if (got.st_ino != wanted.st_ino || got.st_dev != wanted.st_dev)
                        fail_msg("%s: another place", rows[i].says);
                fd_close(fd);
        }
        folderpath_done(&writable);
}

static void test_without_such_folders_all_links_are_followed(void **state) {
        const struct folderpath_writable none = {};
        char path[PATH_MAX];
        int fd;

        (void)state;
        assert_int_equal(folderpath_open(&none, path_of("up/planted/deep", path), &fd), 0);
        fd_close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_sentences_hold),
                                            cmocka_unit_test(test_without_such_folders_all_links_are_followed) };

        return cmocka_run_group_tests(tests, make, take_away);
}
