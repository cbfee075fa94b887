/* SPDX-License-Identifier: MIT */
/*
 * worker/folders.h and what worker/syscalls.h adds, with each ABI's rules: the kernel takes those of older ones. Each
 * question is a child's, as there is no way back, and its exit status is the errno.
 */

#include "worker/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/landlock.h"
#include "base/macros.h"
#include "worker/syscalls.h"

static char own[64], other[64];

static void make_file(const char *folder, const char *name) {
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fputs("text", f) < 0, false);
        assert_int_equal(fclose(f), 0);
}

static int make_folders(void **state) {
        snprintf(own, sizeof(own), "/tmp/fpmd-test-own-XXXXXX");
        snprintf(other, sizeof(other), "/tmp/fpmd-test-other-XXXXXX");
        assert_non_null(mkdtemp(own));
        assert_non_null(mkdtemp(other));
        make_file(own, "file");
        make_file(other, "file");
        return 0;
}

static int remove_folders(void **state) {
        static const char *const names[] = { "file", "new", "moved", "dir" };
        char path[128];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", own, names[i]);
                remove(path);
                snprintf(path, sizeof(path), "%s/%s", other, names[i]);
                remove(path);
        }
        return rmdir(own) < 0 || rmdir(other) < 0 ? -1 : 0;
}

/* What is tried. 0 or errno. */
static int try_read(const char *path) {
        int fd = open(path, O_RDONLY);

        return fd < 0 ? errno : 0;
}

static int try_write(const char *path) {
        int fd = open(path, O_WRONLY);

        return fd < 0 ? errno : 0;
}

static int try_truncate(const char *path) {
        return truncate(path, 4) < 0 ? errno : 0;
}

static int try_truncate_open(const char *path) {
        int fd = open(path, O_WRONLY);

        return fd < 0 || ftruncate(fd, 4) < 0 ? errno : 0;
}

static int try_make(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

        return fd < 0 || unlink(path) < 0 ? errno : 0;
}

static int try_make_folder(const char *path) {
        return mkdir(path, 0700) < 0 || rmdir(path) < 0 ? errno : 0;
}

static int try_list(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY);

        return fd < 0 ? errno : 0;
}

static int try_move_here(const char *path) {
        char from[128];

        snprintf(from, sizeof(from), "%s/file", other);
        return rename(from, path) < 0 ? errno : 0;
}

static int try_execute(const char *path) {
        execl(path, path, (char *)NULL);
        return errno;
}

struct attempt {
        struct conf_pool pool;
        int abi;
        int (*tries)(const char *path);
        const char *folder, *name;
};

static int attempt(const struct attempt *a) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                char path[128];
                int r = folders_restrict(&a->pool, a->abi);

                snprintf(path, sizeof(path), "%s/%s", a->folder, a->name);
                if (r == 0)
                        r = syscalls_restrict(&a->pool, a->abi);
                _exit(r < 0 ? 255 : a->tries(path));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* This kernel, or container, may have none: what fpmd says then is tests/process/test_landlock.py's. */
static void need_landlock(void) {
        if (landlock_abi() < 1)
                skip();
}

static const struct {
        const char *says;
        int (*tries)(const char *path);
        const char *name;
        int own, other; /* errno there */
} rows[] = {
        { "a file is read", try_read, "file", 0, EACCES },
        { "a file is written", try_write, "file", 0, EACCES },
        { "a file that is open is cut", try_truncate_open, "file", 0, EACCES },
        { "a file is made and removed", try_make, "new", 0, EACCES },
        { "a folder is made and removed", try_make_folder, "dir", 0, EACCES },
        { "a folder is listed", try_list, ".", 0, EACCES },
        { "nothing is there", try_read, "missing", ENOENT, ENOENT },
};

static void test_only_what_is_named_can_be_reached(void **state) {
        struct conf_pair path = { .value = own };
        struct conf_pool pool = { .landlock = CONF_LANDLOCK_YES, .write_paths = { &path, 1 } };

        need_landlock();
        for (int abi = 1; abi <= MIN(landlock_abi(), LANDLOCK_ABI_TRUNCATE);
             abi++) /* later ones add nothing to these */
                for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                        struct attempt a = {
                                .pool = pool, .abi = abi, .tries = rows[i].tries, .folder = own, .name = rows[i].name
                        };

                        if (attempt(&a) != rows[i].own)
                                fail_msg("ABI %d: %s: %s", abi, rows[i].says, strerror(attempt(&a)));
                        a.folder = other;
                        if (attempt(&a) != rows[i].other)
                                fail_msg("ABI %d: elsewhere %s: %s", abi, rows[i].says, strerror(attempt(&a)));
                }
}

/* Before ABI 3 Landlock would let it pass everywhere: the call is denied, everywhere. */
static void test_files_elsewhere_are_not_cut_whatever_the_abi(void **state) {
        struct conf_pair path = { .value = own };
        struct attempt a = { .pool = { .landlock = CONF_LANDLOCK_YES, .write_paths = { &path, 1 } },
                             .tries = try_truncate,
                             .name = "file" };

        need_landlock();
        for (a.abi = 1; a.abi <= MIN(landlock_abi(), LANDLOCK_ABI_TRUNCATE); a.abi++) {
                a.folder = other;
                assert_int_equal(attempt(&a), a.abi < 3 ? EPERM : EACCES);
                a.folder = own;
                assert_int_equal(attempt(&a), a.abi < 3 ? EPERM : 0);
        }
        a.pool.landlock = CONF_LANDLOCK_NO;
        a.abi = 1;
        assert_int_equal(attempt(&a), 0);
}

static void test_what_is_only_read(void **state) {
        struct conf_pair path = { .value = own };
        struct attempt a = { .pool = { .landlock = CONF_LANDLOCK_STRICT, .read_paths = { &path, 1 } },
                             .abi = landlock_abi(),
                             .folder = own,
                             .name = "file" };

        need_landlock();
        a.tries = try_read;
        assert_int_equal(attempt(&a), 0);
        a.tries = try_write;
        assert_int_equal(attempt(&a), EACCES);
        a.name = "moved";
        a.tries = try_move_here;
        assert_int_equal(attempt(&a), EACCES);
}

static void test_what_the_system_has(void **state) {
        static const struct {
                int (*tries)(const char *path);
                const char *folder, *name;
                int yes, strict;
        } places[] = {
                { try_read, "/etc", "passwd", 0, EACCES },
                { try_execute, "/bin", "true", 0, EACCES },
                { try_write, "/dev", "null", 0, 0 },
                { try_read, "/dev", "urandom", 0, 0 },
                { try_read, "/proc/self", "status", 0, 0 },
                { try_read, "/proc/self/root/tmp", ".", EACCES, EACCES },
                { try_list, "/", ".", EACCES, EACCES },
                { try_list, "/var", "lib", EACCES, EACCES },
                { try_read, "/proc/self/cwd", ".", EACCES, EACCES },
        };

        need_landlock();
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                struct attempt a = { .pool = { .landlock = CONF_LANDLOCK_YES },
                                     .abi = landlock_abi(),
                                     .tries = places[i].tries,
                                     .folder = places[i].folder,
                                     .name = places[i].name };

                if (attempt(&a) != places[i].yes)
                        fail_msg("yes: %s/%s: %s", a.folder, a.name, strerror(attempt(&a)));
                a.pool.landlock = CONF_LANDLOCK_STRICT;
                if (attempt(&a) != places[i].strict)
                        fail_msg("strict: %s/%s: %s", a.folder, a.name, strerror(attempt(&a)));
        }
}

static void test_a_path_that_is_gone_allows_nothing(void **state) {
        struct conf_pair paths[] = { { .value = (char *)"/no/such" }, { .value = own } };
        struct attempt a = { .pool = { .landlock = CONF_LANDLOCK_YES, .read_paths = { paths, 2 } },
                             .abi = landlock_abi(),
                             .tries = try_read,
                             .folder = own,
                             .name = "file" };

        need_landlock();
        assert_int_equal(attempt(&a), 0);
        a.folder = other;
        assert_int_equal(attempt(&a), EACCES);
}

static void test_a_kernel_that_has_none_ends_the_worker(void **state) {
        struct attempt a = { .pool = { .landlock = CONF_LANDLOCK_YES },
                             .abi = -ENOSYS,
                             .tries = try_read,
                             .folder = own,
                             .name = "file" };

        assert_int_equal(attempt(&a), 255);
        a.pool.landlock = CONF_LANDLOCK_NO;
        assert_int_equal(attempt(&a), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_only_what_is_named_can_be_reached),
                                            cmocka_unit_test(test_files_elsewhere_are_not_cut_whatever_the_abi),
                                            cmocka_unit_test(test_what_is_only_read),
                                            cmocka_unit_test(test_what_the_system_has),
                                            cmocka_unit_test(test_a_path_that_is_gone_allows_nothing),
                                            cmocka_unit_test(test_a_kernel_that_has_none_ends_the_worker) };

        return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
