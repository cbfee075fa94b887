/* SPDX-License-Identifier: MIT */
/* master/options.h: the command line, as php-fpm reads it. */

#include "master/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/program.h"
#include "base/text.h"

#define ARGUMENTS_MAX 8

static struct options o;

/* The program itself leaves its options to its end. */
static void forget(void) {
        char *const fields[] = { o.conf_name, o.conf_path, o.prefix, o.pool, o.pid_path, o.php_ini, o.runtime_dir };

        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                free(fields[i]);
        for (size_t i = 0; i < o.n_defines; i++)
                free(o.defines[i]);
        for (size_t i = 0; o.arguments && o.arguments[i]; i++)
                free(o.arguments[i]);
        free(o.arguments);
        o = (struct options){};
}

/* getopt(3) has memory of its own; at the program's start it is as after this. */
static void begin(void) {
        char *none[] = { (char *)"fpmd", NULL };

        forget();
        optind = 0;
        assert_int_equal(getopt(1, none, "+"), -1);
        assert_int_equal(optind, 1);
}

static int parse(const char *const *arguments) {
        char *argv[ARGUMENTS_MAX + 2] = { (char *)"fpmd" };
        int argc = 1;

        begin();
        while (arguments[argc - 1]) {
                argv[argc] = (char *)arguments[argc - 1];
                argc++;
        }
        return options_parse(argc, argv, &o);
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

/* What is told about wrong use is not what is looked at here. */
static int quiet_begin(int ret[2]) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        fflush(NULL);
        ret[0] = dup(STDOUT_FILENO);
        ret[1] = dup(STDERR_FILENO);
        return null >= 0 && dup2(null, STDOUT_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0 ? close(null) : -1;
}

static void quiet_end(const int saved[2]) {
        fflush(NULL);
        dup2(saved[0], STDOUT_FILENO);
        dup2(saved[1], STDERR_FILENO);
        close(saved[0]);
        close(saved[1]);
}

static void wrong_use_is_refused(void **state) {
        static const char *const rows[][3] = {
                { "-x" },
                { "--no-such" },
                { "argument" },
                { "-t", "argument" },
                { "--fpm-config" },
                { "-y" },
                { "--fpm" }, /* a beginning of a word is no word */
                { "--tes" },
                { "-d" },
                { "--exit-idle-time", "0" },
                { "--exit-idle-time", "-1" },
                { "--exit-idle-time", "5days" },
                { "--exit-idle-time", "nan" },
                { "--exit-idle-time", "1e9" },
                { "--exit-idle-time", "" },
                { "--drain-time", "soon" },
                { "--drain-time", "-1s" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const char *arguments[4] = { rows[i][0], rows[i][1], rows[i][2] };
                int saved[2], r;

                assert_int_equal(quiet_begin(saved), 0);
                r = parse(arguments);
                quiet_end(saved);
                if (r != -EINVAL)
                        fail_msg("%s %s: %d", rows[i][0], rows[i][1] ?: "", r);
        }
}

static void a_time_has_a_unit_or_is_in_seconds(void **state) {
        static const struct {
                const char *text;
                usec_t time;
        } rows[] = {
                { "60", 60 * USEC_PER_SEC },    { "1s", USEC_PER_SEC },          { "250ms", 250 * USEC_PER_MSEC },
                { "5min", 300 * USEC_PER_SEC }, { "0.5h", 1800 * USEC_PER_SEC },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                assert_int_equal(PARSE("--exit-idle-time", rows[i].text), 0);
                assert_int_equal(o.exit_idle, rows[i].time);
        }
        assert_int_equal(PARSE("--pool", "shop"), 0);
        assert_int_equal(o.exit_idle, 0);
        assert_false(o.drains);
        assert_string_equal(o.pool, "shop");
}

static void the_drain_time_may_be_none(void **state) {
        assert_int_equal(PARSE("--drain-time", "1500ms"), 0);
        assert_true(o.drains);
        assert_int_equal(o.drain_time, 1500 * USEC_PER_MSEC);
        assert_int_equal(PARSE("--drain-time", "0"), 0);
        assert_true(o.drains);
        assert_int_equal(o.drain_time, 0);
}

static void nothing_said_runs_the_default(void **state) {
        assert_int_equal(parse((const char *const[]){ NULL }), 0);
        assert_int_equal(o.task, OPTIONS_RUN);
        assert_int_equal(o.daemonize, OPTIONS_DAEMONIZE_BY_FILE);
        assert_string_equal(o.conf_name, FPMD_SYSCONFDIR "/fpmd.conf");
        assert_string_equal(o.conf_path, o.conf_name);
        assert_null(o.prefix);
}

static void the_first_question_wins_over_a_test(void **state) {
        assert_int_equal(PARSE("-t"), 0);
        assert_int_equal(o.task, OPTIONS_TEST);
        assert_false(o.dump);
        assert_int_equal(PARSE("-tt"), 0);
        assert_int_equal(o.task, OPTIONS_TEST);
        assert_true(o.dump);
        assert_int_equal(PARSE("-t", "-v", "-i"), 0);
        assert_int_equal(o.task, OPTIONS_VERSION);
        assert_int_equal(PARSE("-m", "-t", "-v"), 0);
        assert_int_equal(o.task, OPTIONS_MODULES);
        assert_int_equal(PARSE("--usage"), 0);
        assert_int_equal(o.task, OPTIONS_HELP);
}

static void the_last_of_two_wins(void **state) {
        assert_int_equal(PARSE("-D", "-F"), 0);
        assert_int_equal(o.daemonize, OPTIONS_NODAEMONIZE);
        assert_int_equal(PARSE("-F", "--daemonize"), 0);
        assert_int_equal(o.daemonize, OPTIONS_DAEMONIZE);
        assert_int_equal(PARSE("-y", "/a", "--fpm-config=/b"), 0);
        assert_string_equal(o.conf_name, "/b");
}

/* The name for people stays as it was given, so that messages name what the operator typed. */
static void relative_paths_become_absolute(void **state) {
        _cleanup_free_ char *cwd = getcwd(NULL, 0);
        char path[4096];

        assert_non_null(cwd);
        assert_int_equal(PARSE("-y", "a/b.conf", "-p", "place"), 0);
        assert_string_equal(o.conf_name, "a/b.conf");
        snprintf(path, sizeof(path), "%s/a/b.conf", cwd);
        assert_string_equal(o.conf_path, path);
        snprintf(path, sizeof(path), "%s/place", cwd);
        assert_string_equal(o.prefix, path);
        assert_int_equal(PARSE("-p", "/place"), 0);
        assert_string_equal(o.conf_name, "/place/etc/fpmd.conf");
}

static void defines_are_kept_in_order(void **state) {
        assert_int_equal(PARSE("-d", "a=1", "-n", "--define=b", "-c", "/x.ini", "-e"), 0);
        assert_int_equal(o.n_defines, 2);
        assert_string_equal(o.defines[0], "a=1");
        assert_string_equal(o.defines[1], "b");
        assert_null(o.defines[2]);
        assert_true(o.no_php_ini);
        assert_true(o.extended_info);
        assert_string_equal(o.php_ini, "/x.ini");
}

static void too_many_defines_are_refused(void **state) {
        static char *argv[2 * OPTIONS_DEFINES_MAX + 4];
        int argc = 0, saved[2], r;

        argv[argc++] = (char *)"fpmd";
        for (int i = 0; i < OPTIONS_DEFINES_MAX; i++) {
                argv[argc++] = (char *)"-d";
                argv[argc++] = (char *)"a=1";
        }
        begin();
        assert_int_equal(options_parse(argc, argv, &o), 0);
        argv[argc++] = (char *)"-d";
        argv[argc++] = (char *)"a=1";
        begin();
        assert_int_equal(quiet_begin(saved), 0);
        r = options_parse(argc, argv, &o);
        quiet_end(saved);
        assert_int_equal(r, -EINVAL);
}

/* A reload in a log that goes by php-fpm's name tells the command line, when its memory is the title's. */
static void the_command_line_is_copied(void **state) {
        char second[] = "-R";
        char *argv[] = { (char *)"fpmd", second, NULL };

        begin();
        assert_int_equal(options_parse(2, argv, &o), 0);
        second[1] = 'x';
        assert_string_equal(o.arguments[1], "-R");
        assert_null(o.arguments[2]);
        assert_true(o.allow_root);
}

static void a_configuration_is_read_as_the_options_say(void **state) {
        struct conf_options c;

        assert_int_equal(PARSE("-t", "-R", "-p", "/place", "-g", "/x.pid"), 0);
        c = options_for_conf(&o);
        assert_true(c.testing);
        assert_true(c.allow_root);
        assert_false(c.php_fpm);
        assert_int_equal(c.running_as_root, geteuid() == 0);
        assert_string_equal(c.prefix, "/place");
        assert_string_equal(c.pid, "/x.pid");
}

/* Last: the name stays. */
static void the_name_chooses_the_default(void **state) {
        program_init("php-fpm8.2");
        assert_int_equal(parse((const char *const[]){ NULL }), 0);
        assert_string_equal(o.conf_name, FPMD_PHP_INI_DIR "/php-fpm.conf");
        assert_int_equal(PARSE("-p", "/place"), 0);
        assert_string_equal(o.conf_name, "/place/etc/php-fpm.conf");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(wrong_use_is_refused),
                cmocka_unit_test(a_time_has_a_unit_or_is_in_seconds),
                cmocka_unit_test(the_drain_time_may_be_none),
                cmocka_unit_test(nothing_said_runs_the_default),
                cmocka_unit_test(the_first_question_wins_over_a_test),
                cmocka_unit_test(the_last_of_two_wins),
                cmocka_unit_test(relative_paths_become_absolute),
                cmocka_unit_test(defines_are_kept_in_order),
                cmocka_unit_test(too_many_defines_are_refused),
                cmocka_unit_test(the_command_line_is_copied),
                cmocka_unit_test(a_configuration_is_read_as_the_options_say),
                cmocka_unit_test(the_name_chooses_the_default),
        };

        program_init("fpmd");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
