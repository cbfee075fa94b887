/* SPDX-License-Identifier: MIT */
#pragma once
/* The command line of a tool that takes options and nothing else, as a table. */

#include <stddef.h>
#include <stdint.h>

#define CLI_ROWS_MAX 32U

enum cli_kind {
        CLI_FLAG,    /* bool: true when it is there */
        CLI_TEXT,    /* const char *, argv's */
        CLI_NUMBER,  /* uint64_t between the row's bounds */
        CLI_SECONDS, /* the same, into a usec_t */
};

struct cli_row {
        const char *name;
        char letter; /* 0: it has none */
        enum cli_kind kind;
        size_t offset; /* of the field */
        uint64_t min, max;
};

struct cli {
        const char *tool;    /* its name */
        const char *version; /* for --version; NULL: there is no such option */
        const char *help;    /* for -h and --help */
        const struct cli_row *rows;
        size_t n_rows; /* at most CLI_ROWS_MAX */
};

/* Sets fields of the struct at into, which has the defaults; what no option names stays. 0; CLI_E_EXIT: help or version
 * was asked for and is out; CLI_E_USAGE: what is wrong was said on stderr. */
enum { CLI_E_EXIT = 1, CLI_E_USAGE };
int cli_parse(const struct cli *cli, int argc, char *argv[], void *into);

/* Says what is wrong with options together. CLI_E_USAGE. */
int cli_refuse(const struct cli *cli, const char *why);
