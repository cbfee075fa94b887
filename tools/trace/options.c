/* SPDX-License-Identifier: MIT */
/* The command line, checked as a whole before anything is loaded. */

#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "trace.h"

#define SECONDS_MAX (365ULL * 24 * 3600)

enum { OPTION_POOL = 256, OPTION_BINARY, OPTION_JSON, OPTION_FOLLOW, OPTION_PERSONAL, OPTION_VERSION };

static const struct option long_options[] = {
        { "pid", required_argument, NULL, 'p' },
        { "pool", required_argument, NULL, OPTION_POOL },
        { "binary", required_argument, NULL, OPTION_BINARY },
        { "interval", required_argument, NULL, 'i' },
        { "count", required_argument, NULL, 'n' },
        { "duration", required_argument, NULL, 'd' },
        { "json", no_argument, NULL, OPTION_JSON },
        { "follow", no_argument, NULL, OPTION_FOLLOW },
        { "personal", no_argument, NULL, OPTION_PERSONAL },
        { "verbose", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, OPTION_VERSION },
        {},
};

static void print_help(void) {
        puts("Usage: fpmtrace [OPTION]...\n"
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
             "Needs root, or CAP_SYS_ADMIN and CAP_SYS_PTRACE. SIGINT and SIGTERM end it with a summary.");
}

static int refuse(const char *why) {
        fprintf(stderr, "fpmtrace: %s (see fpmtrace --help)\n", why);
        return TRACE_OPTIONS_E_USAGE;
}

static int parse_number(const char *what, const char *s, uint64_t max, uint64_t *ret) {
        if (number_parse_range(s, 1, max, ret) == 0)
                return 0;
        fprintf(stderr, "fpmtrace: %s: not a number from 1 to %llu: %s\n", what, (unsigned long long)max, s);
        return TRACE_OPTIONS_E_USAGE;
}

static int parse_seconds(const char *what, const char *s, usec_t *ret) {
        uint64_t n;
        int r = parse_number(what, s, SECONDS_MAX, &n);

        if (r == 0)
                *ret = n * USEC_PER_SEC;
        return r;
}

static int parse_pid(const char *s, pid_t *ret) {
        uint64_t n;
        int r = parse_number("--pid", s, INT_MAX, &n);

        if (r == 0)
                *ret = (pid_t)n;
        return r;
}

static int parse_option(int c, const char *arg, struct trace_options *o) {
        switch (c) {
        case 'p':
                return parse_pid(arg, &o->pid);
        case OPTION_POOL:
                o->pool = arg;
                return 0;
        case OPTION_BINARY:
                o->binary = arg;
                return 0;
        case 'i':
                return parse_seconds("--interval", arg, &o->interval);
        case 'n':
                return parse_number("--count", arg, UINT64_MAX, &o->count);
        case 'd':
                return parse_seconds("--duration", arg, &o->duration);
        case OPTION_JSON:
                o->json = true;
                return 0;
        case OPTION_FOLLOW:
                o->follow = true;
                return 0;
        case OPTION_PERSONAL:
                o->personal = true;
                return 0;
        case 'v':
                o->verbose = true;
                return 0;
        case 'h':
                print_help();
                return TRACE_OPTIONS_E_EXIT;
        case OPTION_VERSION:
                puts("fpmtrace " FPMD_VERSION);
                return TRACE_OPTIONS_E_EXIT;
        default:
                return TRACE_OPTIONS_E_USAGE; /* getopt has said why */
        }
}

static int check_together(const struct trace_options *o) {
        if (o->json && o->follow)
                return refuse("--json and --follow do not go together");
        if (o->personal && !o->follow)
                return refuse("--personal goes with --follow");
        if (o->pid > 0 && o->binary)
                return refuse("--pid and --binary do not go together");
        if (o->pool && (!*o->pool || strlen(o->pool) >= TRACE_POOL_MAX))
                return refuse("--pool: no pool has such a name");
        return 0;
}

int trace_options_parse(int argc, char *argv[], struct trace_options *ret) {
        struct trace_options o = { .interval = USEC_PER_SEC, .duration = USEC_INFINITY };
        int c, r;

        while ((c = getopt_long(argc, argv, "p:i:n:d:vh", long_options, NULL)) >= 0) {
                r = parse_option(c, optarg, &o);
                if (r != 0)
                        return r;
        }
        if (optind < argc)
                return refuse("no arguments, only options");
        r = check_together(&o);
        if (r == 0)
                *ret = o;
        return r;
}
