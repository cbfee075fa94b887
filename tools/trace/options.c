/* SPDX-License-Identifier: MIT */
/* The command line as a table, checked as a whole before anything is loaded. */

#include "options.h"

#include <limits.h>
#include <string.h>

#include "base/macros.h"
#include "cli.h"
#include "trace.h"

#define SECONDS_MAX (365ULL * 24 * 3600)

static const char help[] = "Usage: fpmtrace [OPTION]...\n"
                           "Shows how long the requests of running fpmd pools spend in each stage.\n\n"
                           "  -p, --pid=PID           of this master, zygote or worker only\n"
                           "      --pool=NAME         of this pool only\n"
                           "      --binary=PATH       trace this fpmd-zygote, running or not; default: all that run\n"
                           "  -i, --interval=SECONDS  between two refreshes (default 1)\n"
                           "  -n, --count=N           end after N refreshes (with --follow: after N lines)\n"
                           "  -d, --duration=SECONDS  end after that time\n"
                           "      --json              no table, but a summary in JSON at the end\n"
                           "      --follow            a line for each transition instead of the table\n"
                           "      --personal          with --follow: URIs and scripts too, which may be personal data\n"
                           "  -v, --verbose           libbpf's messages\n"
                           "  -h, --help\n"
                           "      --version\n\n"
                           "Needs root, or CAP_SYS_ADMIN and CAP_SYS_PTRACE. SIGINT and SIGTERM end it with a summary.";

static const struct cli_row rows[] = {
#define O(name, letter, kind, field, min, max)                                                                         \
        { name, letter, CLI_##kind, offsetof(struct trace_options, field), min, max }
        O("pid", 'p', NUMBER, pid, 1, INT_MAX),
        O("pool", 0, TEXT, pool, 0, 0),
        O("binary", 0, TEXT, binary, 0, 0),
        O("interval", 'i', SECONDS, interval, 1, SECONDS_MAX),
        O("count", 'n', NUMBER, count, 1, UINT64_MAX),
        O("duration", 'd', SECONDS, duration, 1, SECONDS_MAX),
        O("json", 0, FLAG, json, 0, 0),
        O("follow", 0, FLAG, follow, 0, 0),
        O("personal", 0, FLAG, personal, 0, 0),
        O("verbose", 'v', FLAG, verbose, 0, 0),
#undef O
};

static const struct cli cli = {
        .tool = "fpmtrace", .version = FPMD_VERSION, .help = help, .rows = rows, .n_rows = ELEMENTSOF(rows)
};

static int options_check_together(const struct trace_options *o) {
        if (o->json && o->follow)
                return cli_refuse(&cli, "--json and --follow do not go together");
        if (o->personal && !o->follow)
                return cli_refuse(&cli, "--personal goes with --follow");
        if (o->pid > 0 && o->binary)
                return cli_refuse(&cli, "--pid and --binary do not go together");
        if (o->pool && (!*o->pool || strlen(o->pool) >= TRACE_POOL_MAX))
                return cli_refuse(&cli, "--pool: no pool has such a name");
        return 0;
}

int trace_options_parse(int argc, char *argv[], struct trace_options *ret) {
        struct trace_options o = { .interval = USEC_PER_SEC, .duration = USEC_INFINITY };
        int r;

        r = cli_parse(&cli, argc, argv, &o);
        if (r == 0)
                r = options_check_together(&o);
        if (r == 0)
                *ret = o;
        return r;
}
