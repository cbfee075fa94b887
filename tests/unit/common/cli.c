/* SPDX-License-Identifier: MIT */
/* Command lines as sentences: where each option goes, and what is refused. */

#include "cli.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/text.h"
#include "base/time.h"

struct taken {
        bool flag;
        const char *text;
        uint64_t number;
        usec_t seconds;
};

static const struct cli_row rows[] = {
        { "flag", 'f', CLI_FLAG, offsetof(struct taken, flag), 0, 0 },
        { "text", 0, CLI_TEXT, offsetof(struct taken, text), 0, 0 },
        { "number", 'n', CLI_NUMBER, offsetof(struct taken, number), 2, 9 },
        { "seconds", 0, CLI_SECONDS, offsetof(struct taken, seconds), 1, 60 },
};

static const struct cli plain = { .tool = "tool", .help = "helps", .rows = rows, .n_rows = ELEMENTSOF(rows) };
static const struct cli versioned = {
        .tool = "tool", .help = "helps", .version = "1", .rows = rows, .n_rows = ELEMENTSOF(rows)
};

static const struct {
        const char *sentence;
        const struct cli *cli;
        const char *argv[8]; /* from its second word on */
        int r;
        struct taken taken;
} lines[] = {
        { "nothing leaves the defaults", &plain, {}, 0, { false, "x", 5, 7 } },
        { "names",
          &plain,
          { "--flag", "--text=a", "--number", "2", "--seconds=60" },
          0,
          { true, "a", 2, 60 * USEC_PER_SEC } },
        { "letters, together", &plain, { "-fn9" }, 0, { true, "x", 9, 7 } },
        { "the last one counts", &plain, { "-n3", "-n", "4" }, 0, { false, "x", 4, 7 } },
        { "the beginning of a name", &plain, { "--sec=1" }, 0, { false, "x", 5, USEC_PER_SEC } },
        { "a number below its least", &plain, { "-n1" }, CLI_E_USAGE, {} },
        { "a number above its most", &plain, { "-n10" }, CLI_E_USAGE, {} },
        { "no number", &plain, { "--number=two" }, CLI_E_USAGE, {} },
        { "no seconds", &plain, { "--seconds=0" }, CLI_E_USAGE, {} },
        { "an option that is none", &plain, { "--else" }, CLI_E_USAGE, {} },
        { "a flag with a value", &plain, { "--flag=1" }, CLI_E_USAGE, {} },
        { "a value is missing", &plain, { "--text" }, CLI_E_USAGE, {} },
        { "an argument", &plain, { "-f", "a" }, CLI_E_USAGE, {} },
        { "help", &plain, { "-h" }, CLI_E_EXIT, {} },
        { "help before what would be refused", &plain, { "--help", "-n1" }, CLI_E_EXIT, {} },
        { "no version", &plain, { "--version" }, CLI_E_USAGE, {} },
        { "a version", &versioned, { "--version" }, CLI_E_EXIT, {} },
};

static void test_lines(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                char *argv[ELEMENTSOF(lines[i].argv) + 1] = { (char *)"tool" };
                struct taken t = { .text = "x", .number = 5, .seconds = 7 };
                int argc = 1;

                print_message("%s\n", lines[i].sentence);
                for (; lines[i].argv[argc - 1]; argc++)
                        argv[argc] = (char *)lines[i].argv[argc - 1];
                optind = 0; /* getopt(3): begin anew */
                assert_int_equal(cli_parse(lines[i].cli, argc, argv, &t), lines[i].r);
                if (lines[i].r != 0)
                        continue;
                assert_int_equal(t.flag, lines[i].taken.flag);
                assert_string_equal(t.text, lines[i].taken.text);
                assert_int_equal(t.number, lines[i].taken.number);
                assert_int_equal(t.seconds, lines[i].taken.seconds);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
