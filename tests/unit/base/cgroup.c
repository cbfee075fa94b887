/* SPDX-License-Identifier: MIT */
/* base/cgroup.h on trees of files as the kernel has them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cgroup.h"
#include "base/text.h"

static char folder[] = "/tmp/fpmd-cgroup-XXXXXX";

struct file {
        const char *path, *text;
};

/* Also its folders. */
static void put(const char *root, const struct file *f) {
        _cleanup_text_ struct text path = {};
        FILE *out;

        text_printf(&path, "%s/%s", root, f->path);
        for (char *slash = strchr(path.data + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                (void)mkdir(path.data, 0755);
                *slash = '/';
        }
        out = fopen(path.data, "w");
        assert_non_null(out);
        fputs(f->text, out);
        fclose(out);
}

#define FILES_MAX 12

static const struct {
        const char *sentence;
        const char *self;
        struct file files[FILES_MAX];
        int r;
        struct cgroup_room room;
} rows[] = {
        { "a limit of its own",
          "0::/fpmd.slice/a.service\n",
          { { "fpmd.slice/a.service/memory.current", "300\n" },
            { "fpmd.slice/a.service/memory.max", "1000\n" },
            { "fpmd.slice/a.service/memory.high", "max\n" } },
          0,
          { 1000, 700, "/fpmd.slice/a.service", "memory.max" } },
        { "MemoryHigh= where that is less",
          "0::/a\n",
          { { "a/memory.current", "300\n" }, { "a/memory.max", "1000\n" }, { "a/memory.high", "800\n" } },
          0,
          { 800, 500, "/a", "memory.high" } },
        { "page cache is room",
          "0::/a\n",
          { { "a/memory.current", "900\n" },
            { "a/memory.max", "1000\n" },
            { "a/memory.stat", "anon 300\nfile 600\ninactive_file 400\nactive_file 150\nslab_reclaimable 50\n" } },
          0,
          { 1000, 700, "/a", "memory.max" } },
        { "the slice binds where others have filled it",
          "0::/s.slice/a.service\n",
          { { "s.slice/a.service/memory.current", "10\n" },
            { "s.slice/a.service/memory.max", "1000\n" },
            { "s.slice/memory.current", "1900\n" },
            { "s.slice/memory.max", "2000\n" } },
          0,
          { 2000, 100, "/s.slice", "memory.max" } },
        { "and the topmost, in a container",
          "0::/\n",
          { { "memory.current", "10\n" }, { "memory.max", "100\n" } },
          0,
          { 100, 90, "/", "memory.max" } },
        { "more than the limit is no room",
          "0::/a\n",
          { { "a/memory.current", "300\n" }, { "a/memory.max", "100\n" } },
          0,
          { 100, 0, "/a", "memory.max" } },
        { "no limit at all",
          "0::/a\n",
          { { "a/memory.current", "300\n" }, { "a/memory.max", "max\n" }, { "memory.current", "5\n" } },
          CGROUP_E_NONE,
          {} },
        { "a path of another name space: the mount point's files",
          "0::/../../elsewhere\n",
          { { "memory.current", "10\n" }, { "memory.max", "100\n" } },
          0,
          { 100, 90, "/", "memory.max" } },
        { "v1, also beside a v2 without the controller",
          "4:memory:/a/b\n1:name=systemd:/x\n0::/\n",
          { { "memory/a/b/memory.usage_in_bytes", "300\n" },
            { "memory/a/b/memory.limit_in_bytes", "1000\n" },
            { "memory/a/memory.limit_in_bytes", "9223372036854771712\n" },
            { "memory/a/b/memory.stat", "cache 1\ntotal_inactive_file 90\ntotal_active_file 10\n" } },
          0,
          { 1000, 800, "/a/b", "memory.limit_in_bytes" } },
        { "nothing mounted", "0::/a\n", { { "unrelated", "" } }, CGROUP_E_NONE, {} },
        { "no words of any group", "", { { "memory.max", "100\n" } }, CGROUP_E_NONE, {} },
        { "broken words", "0:\n:\nmemory\n0::", { { "memory.max", "100\n" } }, CGROUP_E_NONE, {} },
        { "files that say nothing",
          "0::/a\n",
          { { "a/memory.current", "" }, { "a/memory.max", "x\n" }, { "a/memory.stat", "inactive_file" } },
          CGROUP_E_NONE,
          {} },
};

/* A folder for each row. */
static char *root_of(size_t row) {
        char *root;

        assert_true(asprintf(&root, "%s/%zu", folder, row) > 0);
        for (size_t i = 0; i < FILES_MAX && rows[row].files[i].path; i++)
                put(root, &rows[row].files[i]);
        return root;
}

static void test_room(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *root = root_of(i);
                _cleanup_cgroup_ struct cgroup c = {};
                struct cgroup_room room = {};
                const struct cgroup_room *want = &rows[i].room;
                int r;

                assert_int_equal(cgroup_find_in(rows[i].self, root, &c), 0);
                r = cgroup_room(&c, &room);
                if (r != rows[i].r || room.limit != want->limit || room.room != want->room ||
                    strcmp(room.where, want->where) != 0 || !text_equal(room.file, want->file))
                        fail_msg("%s: %d, limit %llu, room %llu, '%s' %s", rows[i].sentence, r,
                                 (unsigned long long)room.limit, (unsigned long long)room.room, room.where,
                                 room.file ?: "-");
        }
}

static void test_kills(_unused_ void **state) {
        static const struct {
                const char *self;
                struct file file;
        } kinds[] = {
                { "0::/k\n", { "kills/k/memory.events", "low 0\noom 3\noom_kill 7\noom_group_kill 1\n" } },
                { "2:memory:/k\n",
                  { "kills/memory/k/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n" } },
        };
        _cleanup_free_ char *root = NULL;

        assert_true(asprintf(&root, "%s/kills", folder) > 0);
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_cgroup_ struct cgroup c = {};
                uint64_t n = 0;

                put(folder, &kinds[i].file);
                assert_int_equal(cgroup_find_in(kinds[i].self, root, &c), 0);
                assert_int_equal(cgroup_oom_kills(&c, &n), 0);
                assert_int_equal(n, 7);
        }
}

static void test_kills_of_no_group(_unused_ void **state) {
        _cleanup_cgroup_ struct cgroup c = {};
        uint64_t n;

        assert_int_equal(cgroup_oom_kills(&c, &n), CGROUP_E_NONE);
}

static void test_the_machine(_unused_ void **state) {
        uint64_t total = 0, available = 0;

        assert_int_equal(cgroup_machine(&total, &available), 0);
        assert_true(total >= available && available > 0);
}

static int make_folder(_unused_ void **state) {
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(_unused_ void **state) {
        _cleanup_text_ struct text command = {};

        text_printf(&command, "rm -rf %s", folder);
        return system(text_peek(&command));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_room),
                cmocka_unit_test(test_kills),
                cmocka_unit_test(test_kills_of_no_group),
                cmocka_unit_test(test_the_machine),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
