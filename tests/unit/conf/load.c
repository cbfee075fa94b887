/* SPDX-License-Identifier: MIT */
/* Files and what they include. */

#include "conf/load.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "given.h"

static const struct given_row rows[] = {
        { "a byte order mark and CRLF", "!\xef\xbb\xbf[www]\r\nlisten = 9000\r\npm = static\r\npm.max_children = 1\r\n",
          "" },
        { "an include without files", "include = /etc/*.conf\n",
          "[x:6] directive 'include': there are no other files here\n" },
};

static void test_problems(void **state) {
        given_check(rows, ELEMENTSOF(rows));
}

#define POOLS "[a]\nlisten = 9000\npm = static\npm.max_children = 1\n[b]\nlisten = 9000\npm = static\n"

static void test_one_pool_of_several(void **state) {
        const struct conf_options options = { .text_only = true, .pool = "a" },
                                  none = { .text_only = true, .pool = "c" };
        _cleanup_text_ struct text problems = {};
        _cleanup_conf_ struct conf *conf = NULL, *nothing = NULL;

        assert_int_equal(conf_load_text("x", POOLS, strlen(POOLS), &options, &conf, &problems), 0);
        assert_int_equal(conf->n_pools, 1);
        assert_string_equal(conf->pools[0].name, "a");
        assert_int_equal(conf_load_text("x", POOLS, strlen(POOLS), &none, &nothing, &problems), CONF_E_INVALID);
        assert_non_null(strstr(text_peek(&problems), "[x] option --pool: no pool 'c' is defined\n"));
}

/* Files in a folder of their own. */
struct folder {
        char path[64];
        struct text problems;
        struct conf *conf;
        int r;
};

static void put(const struct folder *f, const char *name, const char *text) {
        char path[128];
        _cleanup_fd_ int fd = -1;

        snprintf(path, sizeof(path), "%s/%s", f->path, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void read_main(struct folder *f) {
        static const struct conf_options options = {};
        char path[128];

        conf_free(f->conf);
        f->conf = NULL;
        text_done(&f->problems);
        snprintf(path, sizeof(path), "%s/main.conf", f->path);
        f->r = conf_load(path, &options, &f->conf, &f->problems);
}

static int set_up(void **state) {
        struct folder *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        strcpy(f->path, "/tmp/fpmd-conf-XXXXXX");
        assert_non_null(mkdtemp(f->path));
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        static const char *const names[] = { "main.conf", "a.conf", "b.conf", "c.inc" };
        struct folder *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char path[128];

                snprintf(path, sizeof(path), "%s/%s", f->path, names[i]);
                unlink(path);
        }
        rmdir(f->path);
        conf_free(f->conf);
        text_done(&f->problems);
        free(f);
        return 0;
}

static void test_includes(void **state) {
        struct folder *f = *state;

        put(f, "main.conf", "[global]\nlog_level = error\ninclude = [ab].conf\nping.path = /b\n");
        put(f, "a.conf", "[a]\nlisten = 1\ninclude=c.inc");
        put(f, "b.conf", "[b]\nlisten = 2\ninclude=c.inc");
        put(f, "c.inc", "pm = static\npm.max_children = 1\nphp_value[x] = $pool\n");
        read_main(f);
        assert_string_equal(text_peek(&f->problems), "");
        assert_int_equal(f->conf->n_pools, 2);
        assert_string_equal(f->conf->pools[0].php_settings[0].value, "a");
        assert_string_equal(f->conf->pools[1].php_settings[0].value, "b");
        assert_null(f->conf->pools[0].ping_path);
        assert_string_equal(f->conf->pools[1].ping_path, "/b"); /* the section stays open behind the include */
        assert_true(text_has_suffix(f->conf->pools[1].where.file, "/b.conf"));
        assert_true(text_has_suffix(f->conf->files[0], "/main.conf"));
        assert_true(text_has_suffix(f->conf->files[4], "/c.inc"));
        assert_null(f->conf->files[5]);
}

static void assert_told(const struct folder *f, const char *what) {
        assert_int_equal(f->r, CONF_E_INVALID);
        if (!strstr(text_peek(&f->problems), what))
                fail_msg("told: %s", text_peek(&f->problems));
}

static void test_includes_that_fail(void **state) {
        struct folder *f = *state;

        read_main(f);
        assert_told(f, "failed to open configuration file '");
        assert_told(f, "/main.conf': No such file or directory (2)\n");
        put(f, "main.conf", "include = /no/such/*.conf\n" GIVEN_BASE);
        read_main(f);
        assert_told(f, "Unable to globalize '/no/such/*.conf' (ret=2) from ");
        assert_told(
                f, "/main.conf:1] directive 'include': cannot look for '/no/such/*.conf': No such file or directory\n");
        put(f, "main.conf", GIVEN_BASE "include = main.conf\n");
        read_main(f);
        assert_told(f, "would be more than 5 files deep\n");
        put(f, "main.conf", GIVEN_BASE "include = a.conf\n");
        put(f, "a.conf", "x = 1\n");
        read_main(f);
        assert_told(f, "/a.conf:1] unknown entry 'x'");
        assert_told(f, "/main.conf at line 6\n");
}

/* What is found before the first problem is told in front of it, and nothing that comes after. */
static void test_what_was_noticed_before_a_problem_is_told(void **state) {
        struct folder *f = *state;

        put(f, "main.conf", GIVEN_BASE "include = *.none\nx = 1\ninclude = *.nope\n");
        read_main(f);
        assert_told(f, "WARNING: Nothing matches the include pattern");
        assert_told(f, "/main.conf at line 6.\n[");
        assert_null(strstr(text_peek(&f->problems), "nope"));
        put(f, "main.conf",
            "[a]\nlisten = 1\npm = dynamic\npm.max_children = 3\npm.min_spare_servers = 1\n"
            "pm.max_spare_servers = 3\npm.max_spawn_rate = 0\n");
        read_main(f);
        assert_told(f, "NOTICE: [pool a] pm.start_servers is not set. It's been set to 2.\n"
                       "ALERT: [pool a] pm.max_spawn_rate must be a positive value\n");
}

/* As with php-fpm: a warning, and the service runs. */
static void test_an_include_may_match_nothing(void **state) {
        struct folder *f = *state;

        put(f, "main.conf", GIVEN_BASE "include = *.none\ninclude = none.conf\ninclude = /usr\n");
        read_main(f);
        assert_int_equal(f->r, 0);
        assert_non_null(
                strstr(f->conf->notices[0], "WARNING: Nothing matches the include pattern '/usr/*.none' from "));
        assert_true(text_has_suffix(f->conf->notices[0], "/main.conf at line 6."));
        assert_true(text_has_suffix(f->conf->notices[1], "/main.conf at line 7."));
        assert_non_null(strstr(f->conf->notices[2], "/main.conf:8] '/usr' is a folder: nothing is included"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_problems),
                cmocka_unit_test(test_one_pool_of_several),
                cmocka_unit_test_setup_teardown(test_includes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_includes_that_fail, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_was_noticed_before_a_problem_is_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_an_include_may_match_nothing, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
