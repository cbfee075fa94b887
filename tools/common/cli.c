/* SPDX-License-Identifier: MIT */
/* A row's number is what getopt_long(3) returns for its name, and its letter what it returns for that: both lead to the
 * row. */

#include "cli.h"

#include <assert.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/time.h"

enum { CLI_VERSION = 256, CLI_FIRST_ROW };

struct cli_table {
        struct option names[CLI_ROWS_MAX + 3];
        char letters[2 * CLI_ROWS_MAX + 2];
};

static void cli_tabulate(const struct cli *cli, struct cli_table *ret) {
        struct option *name = ret->names;
        char *letter = ret->letters;

        assert(cli->n_rows <= CLI_ROWS_MAX);
        for (size_t i = 0; i < cli->n_rows; i++) {
                const struct cli_row *row = &cli->rows[i];
                int argument = row->kind == CLI_FLAG ? no_argument : required_argument;

                *name++ = (struct option){ row->name, argument, NULL, CLI_FIRST_ROW + (int)i };
                if (!row->letter)
                        continue;
                *letter++ = row->letter;
                if (argument == required_argument)
                        *letter++ = ':';
        }
        *name++ = (struct option){ "help", no_argument, NULL, 'h' };
        *letter++ = 'h';
        if (cli->version)
                *name++ = (struct option){ "version", no_argument, NULL, CLI_VERSION };
        *name = (struct option){};
        *letter = '\0';
}

static const struct cli_row *cli_find(const struct cli *cli, int c) {
        for (size_t i = 0; i < cli->n_rows; i++)
                if (c == CLI_FIRST_ROW + (int)i || (c != 0 && c == cli->rows[i].letter))
                        return &cli->rows[i];
        return NULL;
}

static int cli_take_number(const struct cli *cli, const struct cli_row *row, const char *arg, uint64_t *ret) {
        if (number_parse_range(arg, row->min, row->max, ret) == 0)
                return 0;
        fprintf(stderr, "%s: --%s: not a number from %llu to %llu: %s\n", cli->tool, row->name,
                (unsigned long long)row->min, (unsigned long long)row->max, arg);
        return CLI_E_USAGE;
}

static int cli_take(const struct cli *cli, const struct cli_row *row, const char *arg, void *into) {
        void *field = (char *)into + row->offset;
        uint64_t n;
        int r;

        switch (row->kind) {
        case CLI_FLAG:
                *(bool *)field = true;
                return 0;
        case CLI_TEXT:
                *(const char **)field = arg;
                return 0;
        case CLI_NUMBER:
                return cli_take_number(cli, row, arg, field);
        case CLI_SECONDS:
                r = cli_take_number(cli, row, arg, &n);
                if (r == 0)
                        *(usec_t *)field = n * USEC_PER_SEC;
                return r;
        }
        return CLI_E_USAGE;
}

int cli_refuse(const struct cli *cli, const char *why) {
        fprintf(stderr, "%s: %s (see %s --help)\n", cli->tool, why, cli->tool);
        return CLI_E_USAGE;
}

int cli_parse(const struct cli *cli, int argc, char *argv[], void *into) {
        struct cli_table table;
        int c, r;

        cli_tabulate(cli, &table);
        while ((c = getopt_long(argc, argv, table.letters, table.names, NULL)) >= 0) {
                const struct cli_row *row = cli_find(cli, c);

                if (!row && c == '?')
                        return CLI_E_USAGE; /* getopt has said why */
                if (!row) {
                        if (c == CLI_VERSION)
                                printf("%s %s\n", cli->tool, cli->version);
                        else
                                puts(cli->help);
                        return CLI_E_EXIT;
                }
                r = cli_take(cli, row, optarg, into);
                if (r != 0)
                        return r;
        }
        return optind < argc ? cli_refuse(cli, "no arguments, only options") : 0;
}
