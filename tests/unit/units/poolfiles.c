/* SPDX-License-Identifier: MIT */
/* A file's pools, and what is left of those of a broken one. */

#include "units/poolfiles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct text heard;

static int on_pool(const char *file, const struct conf_pool *pool, void *userdata) {
        text_printf(&heard, "pool %s %s\n", pool->name, pool->listen);
        return 0;
}

static int on_broken(const char *file, const struct conf_pool *pool, const char *problems, void *userdata) {
        text_printf(&heard, "broken %s %s: %.*s\n", pool->name, pool->listen ?: "-", (int)strcspn(problems, "\n"),
                    problems);
        return 0;
}

static int on_remark(const char *line, void *userdata) {
        text_append(&heard, "remark ");
        text_append_n(&heard, line, strcspn(line, "\n"));
        return 0;
}

static const struct poolfiles_visitor visitor = { .pool = on_pool, .broken = on_broken, .remark = on_remark };

static void check(const char *file, const char *said) {
        text_done(&heard);
        assert_int_equal(poolfiles_visit_text("x", file, strlen(file), &visitor), 0);
        assert_string_equal(text_peek(&heard), said);
        text_done(&heard);
}

#define PM "pm = static\npm.max_children = 1\n"

static void test_pools_of_a_good_file(void **state) {
        check("[a]\nlisten = 9000\n" PM "[b]\nlisten = /run/$pool\n" PM, "pool a 9000\npool b /run/b\n");
}

static void test_sockets_of_a_broken_file_are_what_they_were(void **state) {
        check("[a]\nfoo = 1\nlisten = 9000\n[global]\n[b]\n" PM "[c]\nlisten = \"\n",
              "broken a 9000: [x:2] unknown entry 'foo'\n"
              "broken b -: [x:2] unknown entry 'foo'\n"
              "broken c -: [x:2] unknown entry 'foo'\n");
}

static void test_a_broken_file_without_pools(void **state) {
        check("[a\n", "remark [x:1] syntax error: the ']' is missing");
}

static int on_problems(const char *file, const struct conf_pool *pool, const char *problems, void *userdata) {
        text_append(&heard, problems);
        return 0;
}

/* Whoever looks at the file has another environment than the service that it is about. */
static void test_the_environment_is_nobodys(void **state) {
        const struct poolfiles_visitor v = { .pool = on_pool, .broken = on_problems, .remark = on_remark };
        static const char broken[] = "[a]\nlisten = 9000\npm = static\npm.max_children = ${FPMD_TEST}\n";

        setenv("FPMD_TEST", "7", 1);
        check("[a${FPMD_TEST}]\nlisten = 900${FPMD_TEST:-1}\n" PM, "pool a 9001\n");
        text_done(&heard);
        assert_int_equal(poolfiles_visit_text("x", broken, strlen(broken), &v), 0);
        assert_non_null(strstr(text_peek(&heard), "[x:4] 'pm.max_children': its ${NAME} is nothing here, where "
                                                  "the service's environment is not known"));
        text_done(&heard);
}

static void test_folders(void **state) {
        text_done(&heard);
        assert_int_equal(poolfiles_visit((char *[]){ (char *)"/nonexistent" }, 1, &visitor), 0);
        assert_int_equal(heard.n, 0);
        assert_int_equal(poolfiles_visit((char *[]){ (char *)"/etc/passwd" }, 1, &visitor), 0);
        assert_string_equal(text_peek(&heard), "remark [/etc/passwd] cannot read the folder: Not a directory");
        text_done(&heard);
}

static void put(const char *folder, const char *name, const char *text) {
        char path[128];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* Nobody writes into the FIFO: who waited for that would never come back. */
static void test_files_with_an_include_come_last_and_wait_for_nobody(void **state) {
        char folder[] = "/tmp/fpmd-poolfiles-XXXXXX", path[128], text[256];
        static const char *const names[] = { "a.conf", "b.conf", "c.conf", "fifo" };

        assert_non_null(mkdtemp(folder));
        snprintf(text, sizeof(text), "[a]\nlisten = 9000\n" PM "include = %s/fifo\n", folder);
        put(folder, "a.conf", text);
        put(folder, "b.conf", "[b]\nlisten = 9001\n" PM);
        put(folder, "c.conf", "[c]\nlisten = 9002\n" PM);
        snprintf(path, sizeof(path), "%s/fifo", folder);
        assert_int_equal(mkfifo(path, 0600), 0);
        text_done(&heard);
        alarm(20);
        assert_int_equal(poolfiles_visit((char *[]){ folder }, 1, &visitor), 0);
        alarm(0);
        assert_true(text_has_prefix(text_peek(&heard), "pool b 9001\npool c 9002\nbroken a 9000: "));
        assert_non_null(strstr(text_peek(&heard), "it is no plain file"));
        text_done(&heard);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(rmdir(folder), 0);
}

/* Of thousands of files those that cannot have the pool are left aside, so their mistakes are nobody's business. */
static void test_one_pool_is_wanted(void **state) {
        static const struct {
                const char *name, *text;
        } files[] = {
                { "a.conf", "[a]\nlisten = 9000\n" PM },
                { "b.conf", "[b]\nphp_value[x] = \"y\nlisten = 9001\n" },
                { "c.conf", "include = /tmp/fpmd-no-such-*.conf\n[c]\nlisten = 9002\n" PM },
                { "d.conf", " [ \"d\"'ee' ]\nlisten = 9003\n" PM },
                { "e.conf", "nothing is right here\n" },
        };
        const struct poolfiles_visitor v = {
                .pool_name = "dee", .pool = on_pool, .broken = on_broken, .remark = on_remark
        };
        char folder[] = "/tmp/fpmd-poolfiles-XXXXXX", path[128];

        assert_non_null(mkdtemp(folder));
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                put(folder, files[i].name, files[i].text);
        text_done(&heard);
        assert_int_equal(poolfiles_visit((char *[]){ folder }, 1, &v), 0);
        assert_string_equal(text_peek(&heard), "pool dee 9003\npool c 9002\n");
        text_done(&heard);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
                assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(rmdir(folder), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pools_of_a_good_file),
                cmocka_unit_test(test_sockets_of_a_broken_file_are_what_they_were),
                cmocka_unit_test(test_a_broken_file_without_pools),
                cmocka_unit_test(test_the_environment_is_nobodys),
                cmocka_unit_test(test_folders),
                cmocka_unit_test(test_files_with_an_include_come_last_and_wait_for_nobody),
                cmocka_unit_test(test_one_pool_is_wanted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
