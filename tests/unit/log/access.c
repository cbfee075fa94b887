/* SPDX-License-Identifier: MIT */
/* The access log's format: php-fpm's bytes for each code, its refusals, and lines that nobody can forge. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log/access.h"

/* 21 November 2026, 20:46:42 UTC */
#define WALL (1795294002ULL * USEC_PER_SEC)

#define REQUEST                                                                                                        \
        .pool = "www", .method = "GET", .uri = "/a.php", .query = "", .script = "/srv/a.php", .remote = "192.0.2.1",   \
        .memory = 2097152, .status = 200, .pid = 41, .parent_pid = 40, .begun_wall = WALL,                             \
        .ended_wall = WALL + 61 * USEC_PER_SEC, .duration = 1234567

static const struct {
        const char *says;
        const char *format;
        struct log_access_record record;
        const char *line;
} lines[] = {
        { "the default",
          LOG_ACCESS_FORMAT_DEFAULT,
          { REQUEST },
          "192.0.2.1 -  21/Nov/2026:20:46:42 +0000 \"GET /a.php\" 200\n" },
        { "with a user", "%u", { REQUEST, .user = "joe" }, "joe\n" },
        { "without one", "[%u]", { REQUEST }, "[]\n" },
        { "literal text alone", "plain 100", { REQUEST }, "plain 100\n" },
        { "a percent sign", "100%%", { REQUEST }, "100%\n" },
        { "a percent sign at the end shows nothing", "100%", { REQUEST }, "100\n" },
        { "nothing", "", { REQUEST }, "\n" },
        { "seconds", "%d %{seconds}d %{}d %{SECONDS}d", { REQUEST }, "1.235 1.235 1.235 1.235\n" },
        { "milliseconds",
          "%{milli}d %{milliseconds}d %{mili}d %{miliseconds}d",
          { REQUEST },
          "1234.567 1234.567 1234.567 1234.567\n" },
        { "microseconds", "%{micro}d %{microseconds}d", { REQUEST }, "1234567 1234567\n" },
        { "memory",
          "%M %{bytes}M %{kilo}M %{kilobytes}M %{mega}M %{megabytes}M",
          { REQUEST },
          "2097152 2097152 2048 2048 2 2\n" },
        { "cpu",
          "%C %{total}C %{user}C %{system}C",
          { .duration = 1000000, .user_cpu = 250000, .system_cpu = 125000 },
          "37.50 37.50 25.00 12.50\n" },
        { "cpu of no time", "%C", { .user_cpu = 5 }, "0.00\n" },
        { "script, length, method, pool", "%f %l %m %n", { REQUEST, .content_length = 12 }, "/srv/a.php 12 GET www\n" },
        { "no script and no method", "%f %m", { .status = 404 }, "- -\n" },
        { "processes", "%p %P", { REQUEST }, "41 40\n" },
        { "a query", "%r%Q%q", { .uri = "/a", .query = "b=c" }, "/a?b=c\n" },
        { "no query", "%r%Q%q", { REQUEST }, "/a.php\n" },
        { "no uri", "[%r]", { .status = 200 }, "[]\n" },
        { "no peer", "%R", { .status = 200 }, "-\n" },
        { "status", "%s", { .status = 418 }, "418\n" },
        { "begin and end", "%t %T", { REQUEST }, "21/Nov/2026:20:46:42 +0000 21/Nov/2026:20:47:43 +0000\n" },
        { "times in other words", "%{%s}t %{%H:%M}T %{X}t", { REQUEST }, "1795294002 20:47 X\n" },
        { "values that were looked up, in order",
          "%{A}e %s %{B}o",
          { REQUEST, .looked_up = "one\0two" },
          "one 200 two\n" },
        { "values when nothing was looked up", "%{A}e %{B}o", { REQUEST }, "- -\n" },
        { "a newline cannot forge a line",
          "%r %q",
          { .uri = "/a\n1.2.3.4", .query = "b\r\x1b[2J" },
          "/a\\n1.2.3.4 b\\r\\x1b[2J\n" },
        { "quotes and bytes stay as they are", "\"%q\"", { .query = "\"\xe4\\" }, "\"\"\xe4\\\"\n" },
};

static void test_lines(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_(log_access_format_freep) struct log_access_format *f = NULL;
                _cleanup_text_ struct text out = {}, reason = {};

                print_message("%s\n", lines[i].says);
                assert_int_equal(log_access_format_new(lines[i].format, &f, &reason), 0);
                log_access_render(f, &lines[i].record, &out);
                assert_false(out.failed);
                assert_string_equal(text_peek(&out), lines[i].line);
        }
}

static const struct {
        const char *format;
        const char *reason;
} refusals[] = {
        { "%z", "Invalid token in the access.format (%z)" },
        { "%S", "Invalid token in the access.format (%S)" },
        { "a %{x", "missing closing embrace in the access.format" },
        { "%{x}", "no code follows its last '}'" },
        { "%{x}d",
          "only 'seconds', 'milli', 'milliseconds', 'micro' or 'microseconds' are allowed as a modifier for %d ('x')" },
        { "%{sec}d", "only 'seconds', 'milli', 'milliseconds', 'micro' or 'microseconds' are allowed as a modifier for "
                     "%d ('sec')" },
        { "%{user}d", "only 'seconds', 'milli', 'milliseconds', 'micro' or 'microseconds' are allowed as a modifier "
                      "for %d ('user')" },
        { "%{abc}C", "only 'total', 'user' or 'system' are allowed as a modifier for %C ('abc')" },
        { "%{kb}M",
          "only 'bytes', 'kilo', 'kilobytes', 'mega' or 'megabytes' are allowed as a modifier for %M ('kb')" },
        { "%e", "the name of the environment variable must be set between embraces for %e" },
        { "%{}o", "the name of the header must be set between embraces for %o" },
        { "%{x}r", "embrace is not allowed for modifier %r" },
        { "%{x}%", "embrace is not allowed for modifier %%" },
        { "%{a}}e", "Invalid token in the access.format (%})" },
};

static void test_refusals(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(refusals); i++) {
                _cleanup_text_ struct text reason = {};
                struct log_access_format *f = NULL;

                assert_int_equal(log_access_format_new(refusals[i].format, &f, &reason), LOG_ACCESS_E_INVALID);
                assert_null(f);
                assert_string_equal(text_peek(&reason), refusals[i].reason);
        }
}

static const char *find_variable(void *ctx, const char *name, size_t *ret_n) {
        if (strcmp(name, "HOST") != 0)
                return NULL;
        *ret_n = 7;
        return ctx;
}

static const char *find_header(_unused_ void *ctx, const char *name, size_t *ret_n) {
        *ret_n = strlen(name);
        return name;
}

static void test_look_up(_unused_ void **state) {
        const struct log_access_finder finder = { find_variable, find_header, (void *)"example.org" };
        _cleanup_(log_access_format_freep) struct log_access_format *f = NULL;
        _cleanup_text_ struct text found = {}, out = {}, reason = {};

        assert_int_equal(log_access_format_new("%{HOST}e %{X-A}o %{NONE}e %s", &f, &reason), 0);
        log_access_look_up(f, &finder, &found);
        log_access_render(f, &(struct log_access_record){ .looked_up = text_peek(&found), .status = 204 }, &out);
        assert_string_equal(text_peek(&out), "example X-A - 204\n");
}

static void test_a_long_line_is_whole(_unused_ void **state) {
        _cleanup_(log_access_format_freep) struct log_access_format *f = NULL;
        _cleanup_text_ struct text out = {}, reason = {};
        char query[9000];

        memset(query, 'q', sizeof(query) - 1);
        query[sizeof(query) - 1] = '\0';
        assert_int_equal(log_access_format_new("%q|%s", &f, &reason), 0);
        log_access_render(f, &(struct log_access_record){ .query = query, .status = 200 }, &out);
        assert_int_equal(out.n, sizeof(query) - 1 + strlen("|200\n"));
}

static void test_what_costs_something(_unused_ void **state) {
        _cleanup_(log_access_format_freep) struct log_access_format *cheap = NULL, *dear = NULL;
        _cleanup_text_ struct text reason = {};

        assert_int_equal(log_access_format_new("C R %s", &cheap, &reason), 0);
        assert_int_equal(log_access_format_new("%{user}C %R", &dear, &reason), 0);
        assert_false(log_access_format_shows_cpu(cheap) || log_access_format_shows_remote(cheap));
        assert_true(log_access_format_shows_cpu(dear) && log_access_format_shows_remote(dear));
}

static const struct {
        const char *says;
        struct log_access_record record;
        bool may;
} suppressions[] = {
        { "a plain GET", { .method = "GET", .query = "", .status = 200 }, true },
        { "a HEAD", { .method = "HEAD", .status = 204 }, true },
        { "a POST", { .method = "POST", .status = 200 }, false },
        { "no method", { .status = 200 }, false },
        { "a query", { .method = "GET", .query = "a", .status = 200 }, false },
        { "a body", { .method = "GET", .content_length = 1, .status = 200 }, false },
        { "a redirect", { .method = "GET", .status = 302 }, false },
        { "an error", { .method = "GET", .status = 500 }, false },
};

static void test_what_may_be_suppressed(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(suppressions); i++) {
                print_message("%s\n", suppressions[i].says);
                assert_int_equal(log_access_may_suppress(&suppressions[i].record), suppressions[i].may);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_look_up),
                cmocka_unit_test(test_a_long_line_is_whole),
                cmocka_unit_test(test_what_costs_something),
                cmocka_unit_test(test_what_may_be_suppressed),
        };

        setenv("TZ", "UTC", 1);
        tzset();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
